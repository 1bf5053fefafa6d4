"""Processes forked from a warm parent: a run, its operation process and its provider hosts are real, but start in ms.

`Nursery` is a child without threads that forks on request; whoever needs a process hands it the descriptors. It dies
with its parent, and so do its children: the kernel sees to both, as it does for the real ones.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def forked(work: Callable[[], None], *, log: str = "") -> int:
    """Fork a process that does `work` and ends; return its pid. Call it from a process without threads."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        die_with_parent()
        gc.disable()  # as an operation process does
        if log:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Forked:
    """A process as `subprocess.Popen` shows one, whoever its parent is."""

    def __init__(self, pid: int, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._descriptor], [], [], 0)[0]:
            self._reap()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._descriptor], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("forked", timeout or 0.0)
            self._reap()
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def _reap(self) -> None:
        try:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:  # a nursery's child: how it ended is the nursery's to know
            self.returncode = -signal.SIGKILL
        os.close(self._descriptor)


class Nursery:
    """Forks provider hosts for one operation process; `serve(package, stdin, stdout)` runs in each."""

    def __init__(self, serve: Callable[[str, int, int], None]) -> None:
        self._mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking = threading.Lock()  # one question at a time, each answered before the next
        self.pid = forked(lambda: _attend(theirs, self._mine, serve))
        theirs.close()

    def host(self, package: str) -> Forked:
        """Return a new host of a package."""
        stdin, stdin_end = os.pipe()
        stdout_end, stdout = os.pipe()
        with self._asking:
            socket.send_fds(self._mine, [package.encode()], [stdin, stdout])
            pid = int(self._mine.recv(64))
        os.close(stdin)
        os.close(stdout)
        return Forked(pid, os.fdopen(stdin_end, "wb"), os.fdopen(stdout_end, "rb"))

    def kill_hosts(self) -> int:
        """Kill every host that lives; return how many did."""
        return self._ask(b"!")

    def hosts_live(self) -> bool:
        """Tell whether a host lives."""
        return self._ask(b"?") > 0

    def _ask(self, question: bytes) -> int:
        with self._asking:
            self._mine.send(question)
            return int(self._mine.recv(64))


def _attend(requests: socket.socket, other: socket.socket, serve: Callable[[str, int, int], None]) -> None:
    other.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pids: list[int] = []
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, 64, 2)
        if not message:
            return
        if message == b"!":
            requests.send(str(sum(map(_killed, pids))).encode())
            pids.clear()
            continue
        if message == b"?":
            pids = [pid for pid in pids if os.waitpid(pid, os.WNOHANG) == (0, 0)]
            requests.send(str(len(pids)).encode())
            continue
        stdin, stdout = descriptors

        def work(package: str = message.decode(), stdin: int = stdin, stdout: int = stdout) -> None:
            requests.close()
            serve(package, stdin, stdout)

        pid = forked(work)
        pids.append(pid)
        os.close(stdin)
        os.close(stdout)
        requests.send(str(pid).encode())


def _killed(pid: int) -> bool:
    """Kill a child; tell whether it lived."""
    if os.waitpid(pid, os.WNOHANG) != (0, 0):
        return False
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True
