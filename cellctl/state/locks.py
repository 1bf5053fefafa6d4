"""Locks of the file backend: one small JSON file per holder, as the Pulumi CLI writes them.

`.pulumi/locks/organization/<project>/<stack>/<uuid>.json`. There is no lease and no expiry in this scheme: a lock of a
dead process stays until somebody removes it, so `provably_dead` tells which ones may go.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cellctl.errors import Locked
from cellctl.state.checkpoint import now_text
from cellctl.state.files import DISK, write_atomically

REUSE_MARGIN_S = 5.0  # the kernel's boot time is whole seconds, and clocks are slewed


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """One holder; `pid` 0 and empty texts where the file does not say or cannot be read."""

    key: str
    pid: int = 0
    username: str = ""
    hostname: str = ""
    timestamp: str = ""


class StackLocked(Locked):
    """Others hold the stack; `locks` says who and since when."""

    code = "stack_locked"

    def __init__(self, locks: tuple[Lock, ...]) -> None:
        who = ", ".join(f"{lock.username}@{lock.hostname} (pid {lock.pid}) at {lock.timestamp}" for lock in locks)
        super().__init__(
            f"the stack is currently locked by {len(locks)} lock(s)", hint=f"held by {who}; wait for it to end"
        )
        self.locks = locks


class LockFolder:
    """The locks of one stack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def held(self) -> tuple[Lock, ...]:
        """Return all locks, sorted by key."""
        if not self.folder.is_dir():
            return ()
        return tuple(_read(path) for path in sorted(self.folder.glob("*.json")))

    def acquire(self) -> Lock:
        """Take the lock: write ours, then look again, so that of two who start at once at most one goes on.

        Raises:
            StackLocked: Somebody else holds it.
        """
        others = self.held()
        if others:
            raise StackLocked(others)
        mine = _own_lock()
        body = {key: getattr(mine, key) for key in ("pid", "username", "hostname", "timestamp")}
        write_atomically(self.folder / f"{mine.key}.json", json.dumps(body).encode())
        others = tuple(lock for lock in self.held() if lock.key != mine.key)
        if others:
            self.release(mine.key)
            raise StackLocked(others)
        return mine

    def release(self, key: str) -> None:
        """Remove one lock; its absence is no error."""
        with suppress(FileNotFoundError):
            (self.folder / f"{key}.json").unlink()
        DISK.sync_folder(self.folder)

    def clear(self) -> int:
        """Remove all locks, whoever holds them; return how many there were."""
        locks = self.held()
        for lock in locks:
            self.release(lock.key)
        return len(locks)


def _own_lock() -> Lock:
    try:
        username = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        username = str(os.getuid())
    return Lock(
        key=str(uuid.uuid4()),
        pid=os.getpid(),
        username=username,
        hostname=socket.gethostname(),
        timestamp=now_text(),
    )


def _read(path: Path) -> Lock:
    body: object = None
    with suppress(OSError, ValueError):
        body = json.loads(path.read_text())
    if not isinstance(body, dict):
        return Lock(key=path.stem)
    pid = body.get("pid")
    return Lock(
        key=path.stem,
        pid=pid if isinstance(pid, int) else 0,
        username=str(body.get("username", "")),
        hostname=str(body.get("hostname", "")),
        timestamp=str(body.get("timestamp", "")),
    )


def process_lives(pid: int) -> bool:
    """Tell whether a process of that id runs on this host. A zombie does not: nobody may ever reap it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return (_stat(pid) or ["?"])[0] not in "ZX"


def provably_dead(
    locks: tuple[Lock, ...], *, hostname: str = "", lives: Callable[[int], bool] = process_lives
) -> tuple[Lock, ...]:
    """Return the locks whose holder ran on this host and is gone; a lock of another host is never among them.

    A process under its pid that began after the lock was taken is another one: after a reboot, pids come back.
    """
    here = hostname or socket.gethostname()
    return tuple(
        lock for lock in locks if lock.hostname == here and lock.pid > 0 and (not lives(lock.pid) or _reused(lock))
    )


def _reused(lock: Lock) -> bool:
    taken, began = _seconds(lock.timestamp), process_began(lock.pid)
    return taken is not None and began is not None and began > taken + REUSE_MARGIN_S


def process_began(pid: int) -> float | None:
    """Return when a process began, in unix seconds (to about a second); None where the system does not tell."""
    fields = _stat(pid)
    try:
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        return int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK") if fields else None
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; none where there is no such file."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text[text.rfind(")") + 2 :].split()


def _seconds(timestamp: str) -> float | None:
    """Return the unix seconds of an RFC 3339 time; the CLI writes nanoseconds and a zone."""
    try:
        return datetime.fromisoformat(timestamp).timestamp() if timestamp else None
    except ValueError:
        return None
