"""The thread that watches one process and lets simulated time advance while the process waits (`clock`)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cellctl_sandbox.clouds.quiet import Quiet, busiest

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.clock import SimulatedClock

SAMPLE_S = 0.0015
BUSY_S = 0.004
"""After a sample that was not quiet: each one takes the interpreter from whoever computes."""
SAMPLES = 3
"""Quiet samples in a row before a process says that it waits."""
PACE_S = 0.02
LINGER_S = 0.5
"""A participant without waiters and calls leaves after this (real) time: somebody is asked a question, for example."""
STOPPED_S = 5.0
"""A participant that gave no sign for this (real) time does not hold up the others."""


class Keeper:
    """The thread that watches this process and lets time advance."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._quiet = Quiet()
        self._streak = 0
        self._beat = 0.0
        self._rested = 0.0

    def run(self) -> None:
        """Work until the process takes no part for a while."""
        self._rested = self._quiet.used()  # what this process computed before is nobody's endless loop
        while True:
            kind, idle_s = self._clock.situation()
            if kind == "waiting" and self._settled():
                self._rested = self._quiet.used()
                self._turn()
                continue
            if kind != "waiting":
                self._rested = self._quiet.used()
            elif self._quiet.used() - self._rested > self._clock.patience_s:
                self._clock.give_up(self._stuck())
            if kind == "idle" and idle_s >= LINGER_S and self._clock.depart_if_idle():
                return
            if kind != "waiting":
                self._streak = 0
            if time.monotonic() - self._beat > STOPPED_S / 5:
                self._beat = time.monotonic()
                self._clock.beat()
            if kind == "waiting":
                time.sleep(SAMPLE_S if self._streak else BUSY_S)
            else:
                self._clock.pause(PACE_S)

    def _stuck(self) -> str:
        name = busiest()
        who = f"thread '{name}'" if name else "a thread"
        return (
            f"simulated time stands still: {who} of this process has computed for {self._clock.patience_s:g} s of CPU "
            "time without a pause; let it wait for something, or end it before the operation"
        )

    def _turn(self) -> None:
        if self._clock.others_work() and time.monotonic() - self._beat < STOPPED_S / 50:
            time.sleep(SAMPLE_S)
            return
        self._beat = time.monotonic()
        with self._clock.database.transaction() as rows:
            numbers, running = self._clock.turn(rows)
        self._clock.fire(numbers)
        if numbers:
            self._streak = 0
        else:
            time.sleep(PACE_S / 4 if running else SAMPLE_S)

    def _settled(self) -> bool:
        if not self._quiet.sample() or self._clock.held_up():
            self._streak = 0
            return False
        self._streak += 1
        if self._streak < SAMPLES:
            return False
        if not self._quiet.nobody_runs():
            self._streak = 0
            return False
        return True
