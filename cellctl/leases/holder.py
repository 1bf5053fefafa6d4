"""Who holds a lease, and whether that process is provably dead. Reads /proc where there is one; starts nothing."""

from __future__ import annotations

import functools
import getpass
import os
import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_COMMAND_LIMIT = 200


class Liveness(StrEnum):
    """What can be proven about a holder from here."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Facts that identify one process for ever.

    `host` is the host's name, `machine` its machine id, `` where it has none. `boot_id` changes with every boot.
    `pid_space` tells PID namespaces (containers) apart. `process_start` is the start time as the kernel counts it, so
    that a reused pid is not mistaken. `since` is unix seconds. `command` is what the user typed; never secrets.
    """

    host: str
    machine: str
    boot_id: str
    pid_space: str
    pid: int
    process_start: str
    user: str
    command: str
    since: float

    @classmethod
    def current(cls, *, command: str = "", since: float | None = None) -> Holder:
        """Return the facts of this process."""
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            machine=_read("/etc/machine-id"),
            boot_id=_read("/proc/sys/kernel/random/boot_id"),
            pid_space=_pid_space(),
            pid=pid,
            process_start=_process_start(pid) or "",
            user=_user(),
            command=command[:_COMMAND_LIMIT],
            since=time.time() if since is None else since,
        )

    def same_boot(self, other: Holder) -> bool:
        """Tell whether both run on one boot of one machine, so that their clocks since boot compare."""
        return bool(self.boot_id) and self.boot_id == other.boot_id

    def words(self) -> str:
        """Return the holder in words: user, host, pid and command."""
        what = f", `{self.command}`" if self.command else ""
        return f"{self.user} on {self.host} (pid {self.pid}{what})"


def liveness(holder: Holder, here: Holder) -> Liveness:
    """Judge `holder` from the process `here`.

    DEAD only with proof: the same boot and PID namespace without that process, or with another one under its pid; or
    the same machine (name and machine id) after another boot. From anywhere else nothing can be proven.
    """
    if holder.same_boot(here):
        if holder.pid_space != here.pid_space or not holder.pid_space:
            return Liveness.UNKNOWN
        start = _process_start(holder.pid)
        return Liveness.ALIVE if start is not None and start == holder.process_start else Liveness.DEAD
    same_machine = bool(here.machine) and holder.machine == here.machine and holder.host == here.host
    if same_machine and holder.boot_id and here.boot_id:
        return Liveness.DEAD
    return Liveness.UNKNOWN


def _process_start(pid: int) -> str | None:
    """Return the start time of a process in clock ticks since boot; None if it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat[stat.rfind(")") + 2 :].split()
    return None if len(fields) < 20 or fields[0] in "ZX" else fields[19]


def _pid_space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


@functools.lru_cache(maxsize=8)
def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
