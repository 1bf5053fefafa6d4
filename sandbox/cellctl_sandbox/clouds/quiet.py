"""Whether this process is doing anything: the rule behind "CPU time is not simulated time".

A process is quiet when its other threads used no CPU for some milliseconds and none of them is running, runnable or in
a disk wait. The second half matters on a loaded machine: a thread that waits for a core uses no CPU either. Where there
is no /proc only the first half is known.
"""

from __future__ import annotations

import os
import threading
import time
from functools import lru_cache
from pathlib import Path

BUSY_CPU_S = 0.0003
"""CPU time of other threads between two samples above which the process counts as busy."""
_TASKS = Path("/proc/self/task")
_LINUX = _TASKS.is_dir()


class Quiet:
    """Samples of one process's activity, taken by one thread."""

    def __init__(self) -> None:
        self._last = 0.0

    def sample(self) -> bool:
        """Tell whether other threads used no CPU since the last sample."""
        others = self.used()
        used, self._last = others - self._last, others
        return used < BUSY_CPU_S

    def nobody_runs(self) -> bool:
        """Tell whether every other thread sleeps."""
        if not _LINUX:
            return True
        own = str(threading.get_native_id())
        return all(_state(task) in "SIZX" for task in os.listdir(_TASKS) if task != own)

    def used(self) -> float:
        """Return CPU seconds that other threads have used so far."""
        return time.process_time() - time.thread_time()


def busiest() -> str:
    """Return the name of the thread that computes most at the moment, `` where that is not known."""
    if not _LINUX:
        return ""
    before = {task: _ticks(task) for task in os.listdir(_TASKS)}
    time.sleep(0.1)
    used = {task: _ticks(task) - ticks for task, ticks in before.items()}
    names = {str(thread.native_id): thread.name for thread in threading.enumerate()}
    return names.get(max(used, key=lambda task: used[task]), "")


def _ticks(task: str) -> int:
    """Return the CPU time that a thread has used, in the kernel's ticks."""
    try:
        fields = (_TASKS / task / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _state(task: str) -> str:
    try:
        handle = os.open(f"/proc/self/task/{task}/stat", os.O_RDONLY)
    except OSError:
        return "X"
    try:
        text = os.read(handle, 256)
    except OSError:
        return "X"
    finally:
        os.close(handle)
    return chr(text[text.rindex(b")") + 2])


@lru_cache(maxsize=4)
def own_start(pid: int) -> str:
    """Return when process `pid` began, in the kernel's ticks since boot; `` where that is not known."""
    return start_of(pid)


def start_of(pid: int) -> str:
    """Return when a process began, `` if it is gone, a zombie, or that is not known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def alive(pid: int, started: str) -> bool:
    """Tell whether the process that was `pid` at `started` still runs; a reused pid is another process."""
    if started:
        return start_of(pid) == started
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
