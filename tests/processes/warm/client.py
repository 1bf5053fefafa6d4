"""Asks the warm process for command lines and operation processes; it is started when the first one is wanted."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from cellctl.engine.operation import child_environment
from cellctl.engine.wire import Setup

FOLDER = Path(__file__).resolve().parents[1]
STARTING_S = 120.0


class Forked:
    """A process of the warm one, as `subprocess.Popen` shows one (`cellctl.engine.operation.Process`)."""

    def __init__(self, asking: socket.socket) -> None:
        self._asking = asking
        told = asking.recv(64)
        if not told:
            raise ConnectionError("the warm process is gone")
        self.pid = int(told)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._asking.settimeout(timeout)
            try:
                told = self._asking.recv(64)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("forked", timeout or 0.0) from None
            self.returncode = int(told) if told else -signal.SIGKILL
            self._asking.close()
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def __del__(self) -> None:
        self._asking.close()


class Warm:
    """The warm process behind an address; `server` is its pid, where it is a child of this process."""

    def __init__(self, address: str, server: int = 0) -> None:
        self._address = address
        self._server = server

    def operation(self, setup: Setup, channel: socket.socket) -> Forked:
        """Start an operation process (`cellctl.engine.operation.Start`)."""
        with (Path(setup.run_dir) / "log.txt").open("ab") as log:
            os.chmod(log.fileno(), 0o600)
            told = {"environment": child_environment(setup.environment), "folder": setup.work_dir}
            return self._asked(told, [channel.fileno(), log.fileno()])

    def command(self, words: list[str], folder: Path, environment: Mapping[str, str], streams: list[int]) -> Forked:
        """Start `cellctl WORDS` with three streams."""
        return self._asked({"words": words, "folder": str(folder), "environment": dict(environment)}, streams)

    def _asked(self, request: Mapping[str, object], descriptors: list[int]) -> Forked:
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        until = time.monotonic() + STARTING_S
        while True:
            try:
                asking.connect(f"\0{self._address}")
                break
            except ConnectionRefusedError:
                if time.monotonic() > until or self._failed():
                    asking.close()
                    raise
                time.sleep(0.02)
        socket.send_fds(asking, [json.dumps(request).encode()], descriptors)
        return Forked(asking)

    def _failed(self) -> bool:
        """Tell whether it ended, and not because another is there."""
        if not self._server:
            return False
        pid, status = os.waitpid(self._server, os.WNOHANG)
        if pid:
            self._server = 0
        return pid != 0 and status != 0


RUN = "TEST_RUN"  # the name of a test run, whose workers share a warm process, and the pid of what it ends with
_starting = threading.Lock()
_warm: Warm | None = None


def warm() -> Warm:
    """Return the warm process of this test run, else of this process."""
    global _warm  # noqa: PLW0603
    with _starting:
        if _warm is None:
            name, owner = os.environ.get(RUN, f"{secrets.token_hex(16)} {os.getpid()}").split()
            address = f"cellctl-warm-{name}"
            path = os.pathsep.join([str(FOLDER), *(entry for entry in sys.path if entry)])
            server = os.posix_spawn(  # it ends at once where another worker was first, else with the test run
                sys.executable,
                [sys.executable, "-P", "-m", "warm.server", address, owner],
                {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": path, "LC_ALL": "C.UTF-8"},
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            )
            _warm = Warm(address, server)
        return _warm


def operation(setup: Setup, channel: socket.socket) -> Forked:
    """Start an operation process that is warm: for `RunOptions.start`."""
    return warm().operation(setup, channel)


def started(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: IO[str] | int | None = None,
    stdout: IO[str] | int = 1, stderr: IO[str] | int = 2,
) -> Forked:  # fmt: skip
    """Start `cellctl WORDS` and return it while it runs."""
    with open(os.devnull) as nothing:
        given = [nothing if stdin is None else stdin, stdout, stderr]
        streams = [stream if isinstance(stream, int) else stream.fileno() for stream in given]
        return warm().command(list(words), cwd, os.environ if env is None else env, streams)


def cellctl(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, input: str = "", timeout: float = 600.0
) -> subprocess.CompletedProcess[str]:
    """Run `cellctl WORDS` to its end, as `subprocess.run` does with `capture_output`."""
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        given.write(input)
        given.seek(0)
        process = started(*words, cwd=cwd, env=env, stdin=given, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(["cellctl", *words], code, out.read(), err.read())
