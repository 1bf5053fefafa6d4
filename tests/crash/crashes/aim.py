"""Which moment of a run is struck, and who dies there. Shared by all processes of one run through inherited memory."""

from __future__ import annotations

import mmap
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cellctl.state.files import Disk, Pieces
from cellctl_provider.probes import Moment

Victim = Literal["operation", "host", "group", "nobody"]
READING = ("Describe", "List", "Get", "GET", "SELECT", "LOGIN", "SET", "USE", "IF", "DECLARE", "EXEC", "BEGIN")
"""How look-ups of a service begin: they change nothing, so a kill there is one between two steps."""
IDLE = "idle"
"""Follows a moment in the log of a run that is only watched, where no provider's process lives."""


@dataclass(frozen=True)
class Aim:
    """The `nth` time that `moment` comes in the part of a run that changes something, `victim` dies."""

    moment: Moment
    nth: int
    victim: Victim


class Observer:
    """The probe of one run: writes what it sees to a file, and kills at the aim. Make it before the run's processes."""

    def __init__(self, log: Path, aim: Aim | None) -> None:
        self._aim = aim
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._shared = mmap.mmap(-1, 2)  # changing has begun; how often the aim was met
        self._doomed = False
        self.operation = 0
        self.kill_hosts: Callable[[], int] | None = None
        self.hosts_live: Callable[[], bool] | None = None

    def probe(self, moment: Moment) -> None:
        """Look at a moment; a look-up of an API inside a step is none."""
        if moment.place in ("before_call", "saving"):
            self._shared[0] = 1
        if not self._shared[0] or moment.part.startswith(READING):
            return
        line = f"{moment.place}|{moment.operation}|{moment.urn}|{moment.part}\n"
        os.write(self._log, f"{line}{IDLE}\n".encode() if self._idle() else line.encode())
        if self._aim is None or moment != self._aim.moment:
            return
        self._shared[1] += 1
        if self._shared[1] != self._aim.nth:
            return
        if moment.place == "saving":
            self._doomed = True  # in the middle of the write that this thread is about to make
        else:
            self.strike()

    def _idle(self) -> bool:
        """Tell, in a run that is only watched, whether no provider's process lives that could be killed now."""
        asked = self._aim is None and self.hosts_live is not None and os.getpid() == self.operation
        return asked and self.hosts_live is not None and not self.hosts_live()

    def close(self) -> None:
        """Let go of the log: of the processes that used it none is left."""
        os.close(self._log)
        self._shared.close()

    def strike(self) -> None:
        """Kill, for good; where no provider's process lives yet or any more, no such one can be killed."""
        assert self._aim is not None
        if self._aim.victim == "host" and os.getpid() == self.operation:
            assert self.kill_hosts is not None
            os.write(self._log, b"struck\n" if self.kill_hosts() else b"nobody\n")
            return
        os.write(self._log, b"struck\n")
        if self._aim.victim == "operation":
            os.kill(self.operation, signal.SIGKILL)
        elif self._aim.victim == "group":
            os.killpg(0, signal.SIGKILL)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def disk(self) -> Disk:
        """The disk of the operation process: the doomed write gets half of its bytes out."""
        return _DoomedDisk(self)

    def doomed(self) -> bool:
        """Tell, once, whether the write that begins now is the aim."""
        found, self._doomed = self._doomed, False
        return found


class _DoomedDisk(Disk):
    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def write(self, descriptor: int, data: Pieces) -> None:
        if self._observer.doomed():
            whole = b"".join(data)
            super().write(descriptor, (whole[: len(whole) // 2],))
            self._observer.strike()
            super().write(descriptor, (whole[len(whole) // 2 :],))
        else:
            super().write(descriptor, data)
