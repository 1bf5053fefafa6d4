"""Virtual time: it advances only while every operation waits, across processes, and never for the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.keeper import Keeper
from cellctl_sandbox.clouds.quiet import Quiet
from cellctl_sandbox.control import open_control

SLEEPER = """
import sys
from pathlib import Path
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
clock = SimulatedClock.of(Database.open(Path(sys.argv[1])))
clock.pace = float(sys.argv[2])
for seconds in sys.argv[3:]:
    print("begins", flush=True)
    clock.sleep(float(seconds))
    print(f"{clock.now():.1f}", flush=True)
clock.close()
"""


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[SimulatedClock]:
    made = SimulatedClock.of(Database.open(tmp_path))
    made.pace = 0.0
    yield made
    made.close()


def test_calls_side_by_side_take_as_long_as_the_longest(clock: SimulatedClock) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(clock.sleep, [float(seconds) for seconds in range(1, 17)]))
    assert clock.now() == pytest.approx(16.0)


def test_cpu_time_is_not_simulated_time(clock: SimulatedClock) -> None:
    """A thread that computes before its call holds up the others: the makespan is that of the critical path."""

    def compute_then_call() -> None:
        end = time.thread_time() + 0.15
        while time.thread_time() < end:
            sum(range(1000))
        clock.sleep(100.0)

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(clock.sleep, 100.0), *(pool.submit(compute_then_call) for _ in range(3))]
        for future in futures:
            future.result()
    assert clock.now() <= 105.0


def test_a_chain_on_one_thread_beside_a_long_call_adds_nothing(clock: SimulatedClock) -> None:
    def chain() -> None:
        for _ in range(20):
            clock.sleep(5.0)

    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(clock.sleep, 100.0)
        pool.submit(chain).result()
        long.result()
    assert clock.now() == pytest.approx(100.0, rel=0.05)


def test_paced_time_runs_at_its_scale(clock: SimulatedClock) -> None:
    clock.pace = 1000.0
    began = time.monotonic()
    clock.sleep(300.0)
    assert 0.28 <= time.monotonic() - began < 5.0
    assert clock.now() == pytest.approx(300.0)


def test_two_processes_share_one_time(clock: SimulatedClock, tmp_path: Path) -> None:
    with _sleeper(tmp_path, 30, 30) as other:
        assert _line(other) == "begins"
        clock.sleep(45.0)
        lines = [_line(other), _line(other), _line(other)]
    assert lines[:2] == ["30.0", "begins"]
    assert float(lines[2]) == pytest.approx(60.0, abs=31.0)
    assert float(lines[2]) >= 60.0


def test_a_dead_process_is_not_waited_for(clock: SimulatedClock, tmp_path: Path) -> None:
    with _sleeper(tmp_path, 1e9, pace=0.001) as other:
        assert _line(other) == "begins"
        _until(lambda: open_control(tmp_path).clock()["waiters"] == 1)
        os.kill(other.pid, signal.SIGKILL)
        other.wait(timeout=10)
    began = time.monotonic()
    clock.sleep(50.0)
    assert clock.now() == pytest.approx(50.0, abs=0.5)
    assert time.monotonic() - began < 8.0
    assert open_control(tmp_path).clock()["waiters"] == 0


def test_a_process_that_waits_for_a_person_does_not_hold_up_others(clock: SimulatedClock, tmp_path: Path) -> None:
    """It took part, and now asks a question: after a moment it is no longer counted."""
    clock.sleep(1.0)
    with _sleeper(tmp_path, 10) as other:
        assert _line(other) == "begins"
        assert float(_line(other)) >= 11.0


def test_closing_ends_waits_of_nobody_else(clock: SimulatedClock) -> None:
    done = threading.Event()

    def wait() -> None:
        clock.sleep(10.0)
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    assert done.wait(10)


def test_the_clock_is_set_for_the_whole_sandbox(tmp_path: Path) -> None:
    control = open_control(tmp_path)
    fresh = {"mode": "paced", "scale": 1000.0, "now_s": 0.0, "waiters": 0, "seed": 1, "ambient": 0.0}
    assert control.clock() == fresh
    control.set_clock(mode="stepped")
    assert control.clock()["mode"] == "stepped"
    for mode, scale in (("fast", None), ("paced", 0.0), ("paced", -1.0)):
        with pytest.raises(ValueError, match="stepped"):
            control.set_clock(mode=mode, scale=scale)


def _sleeper(home: Path, *seconds: float, pace: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLEEPER, str(home), str(pace), *(str(item) for item in seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _until(met: object) -> None:
    end = time.monotonic() + 10
    while not met():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_a_process_computed_before_it_waits_is_not_held_against_it(monkeypatch) -> None:
    class Waiting:
        patience_s, given_up = 30.0, ""

        def __init__(self) -> None:
            self.situations = iter([("waiting", 0.0), ("waiting", 0.0), ("idle", 1.0)])

        def situation(self):
            return next(self.situations)

        def give_up(self, why: str) -> None:
            self.given_up = why

        def beat(self) -> None: ...

        def depart_if_idle(self) -> bool:
            return True

    monkeypatch.setattr(Quiet, "used", lambda _: 1000.0)
    monkeypatch.setattr(Quiet, "sample", lambda _: False)
    clock = Waiting()
    Keeper(clock).run()
    assert clock.given_up == ""
