"""Processes that fork on request until somebody ends; `python -m warm.server ADDRESS PID` is that of cellctl.

A request is one packet: JSON, and the descriptors that the new process works with. The answer is its pid, then, when it
has ended, its exit code.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

PACKET = 1 << 17
LAUNCHER = Path(__file__).resolve().parents[3] / "cli.py"
_MODULES = (
    "_strptime", "anyio", "boto3", "cellctl.cell", "cellctl.cli.app", "cellctl.cli.console", "cellctl.cli.failures",
    "cellctl.cli.place", "cellctl.cli.reporting", "cellctl.cli.sandbox.control", "cellctl.cli.session",
    "cellctl.engine.automation", "cellctl.engine.child", "cellctl.home.file", "cellctl.home.place",
    "cellctl.registry.books", "cellctl.registry.claims", "cellctl.registry.invariants", "cellctl.registry.inventory",
    "cellctl.registry.migrating", "cellctl.registry.recording", "cellctl.registry.survey", "cellctl.run.down",
    "cellctl.run.refresh", "cellctl.run.status", "cellctl.run.survey", "cellctl.run.up", "cellctl.spec.home",
    "cellctl.spec.reading", "cellctl.spec.schema", "cellctl.spec.writing", "cellctl.verify.buckets",
    "cellctl.verify.database", "cellctl.verify.entries", "cellctl.verify.nodes", "cellctl.verify.outputs",
    "cellctl.views.jsonl", "cellctl.views.outcome_text", "cellctl.views.plain", "cellctl.views.plan_text",
    "cellctl.views.progress", "cellctl.views.sandbox_text", "cellctl.views.status_text",
    "cellctl_provider.aws.s3", "cellctl_provider.aws.file_gateway", "cellctl_provider.aws.secrets_manager",
    "cellctl_provider.aws.share_access", "cellctl_provider.azure.key_vault", "cellctl_provider.octopus.administrator",
    "cellctl_provider.octopus.machines", "cellctl_provider.octopus.master_key", "cellctl_provider.octopus.node",
    "cellctl_provider.reading", "cellctl_provider.sql.cell_database", "cellctl_sandbox.control",
    "cellctl_sandbox.engine.command", "cellctl_sandbox.host", "cellctl_sandbox.service_faults",
    "cellctl_sandbox.standins.aws_endpoint", "cellctl_sandbox.standins.balancers", "cellctl_sandbox.standins.dialer",
    "cellctl_sandbox.standins.octopus.standin", "cellctl_sandbox.standins.run_command",
    "cellctl_sandbox.standins.secret_stores", "cellctl_sandbox.standins.storage_gateway",
    "cellctl_sandbox.standins.tds.server", "cellctl_sandbox.standins.tds.standin",
    "cellctl_sandbox.testing.small_world", "cellctl_stacks.aws_cell", "cellctl_stacks.azure_cell", "encodings.idna",
    "encodings.utf_8_sig", "grpc._channel", "grpc._interceptor", "grpc._server", "grpc.experimental", "h11",
    "httpcore", "httpx", "pydantic.type_adapter", "rich._unicode_data.unicode17-0-0", "rich.console",
    "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "sqlglot.dialects.sqlite",
    "sqlglot.dialects.tsql",
)  # fmt: skip
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Import everything, then serve until the process of a pid ends, unless another process serves the address."""
    from cellctl import clouds
    from cellctl.engine import services
    from cellctl.run import session
    from warm import client
    from warm.rehearsal import rehearse

    address, owner = sys.argv[1], int(sys.argv[2])
    try:
        server = Server(address, _work, until=os.pidfd_open(owner))
    except OSError:  # another is there; or nobody is left to serve
        return
    services.install(clouds.SDKS)
    for name in _MODULES:
        importlib.import_module(name)
    rehearse()
    session.fresh_interpreter = client.Warm(address).operation  # of the command lines that are forked from here
    gc.collect()
    gc.freeze()
    server.serve()


Work = Callable[[Mapping[str, object], Sequence[int]], int]
"""What a new process does with a request and its descriptors; returns the exit code."""


class Server:
    """Serves an address (of the abstract name space); the environment and folder of each process are the request's."""

    def __init__(self, address: str, work: Work, *, until: int = 0) -> None:
        self._work = work
        self._until = until
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(f"\0{address}")
        self._listening.listen(64)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(until, selectors.EVENT_READ)
        self._children: dict[int, tuple[int, socket.socket]] = {}  # pidfd -> pid, who asked

    def serve(self) -> None:
        """Fork until `until` (standard input, or the descriptor of a process) ends."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listening:
                    self._begin()
                elif key.fd == self._until:
                    return
                else:
                    self._ended(key.fd)

    def _begin(self) -> None:
        asking, _ = self._listening.accept()
        message, descriptors, _, _ = socket.recv_fds(asking, PACKET, 4)
        if not message:
            asking.close()
            return
        pid = os.fork()
        if not pid:
            self._selector.close()
            self._listening.close()
            for descriptor, (_, other) in self._children.items():
                os.close(descriptor)
                other.close()
            asking.close()
            _become(self._work, json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        handle = os.pidfd_open(pid)
        self._children[handle] = (pid, asking)
        self._selector.register(handle, selectors.EVENT_READ)
        with contextlib.suppress(OSError):
            asking.send(str(pid).encode())

    def _ended(self, handle: int) -> None:
        pid, asking = self._children.pop(handle)
        _, status = os.waitpid(pid, 0)
        self._selector.unregister(handle)
        os.close(handle)
        with contextlib.suppress(OSError):
            asking.send(str(os.waitstatus_to_exitcode(status)).encode())
        asking.close()


def _become(work: Work, request: Mapping[str, object], descriptors: Sequence[int]) -> NoReturn:
    code = 70
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        environment = request["environment"]
        assert isinstance(environment, dict)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        os.chdir(str(request["folder"]))
        code = work(request, descriptors)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _work(request: Mapping[str, object], descriptors: Sequence[int]) -> int:
    words = request.get("words")
    return _operation(descriptors) if words is None else _command(words, descriptors)


def streams(descriptors: Sequence[int]) -> None:
    """Make these the standard streams, as an interpreter does at its start."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    sys.stdout = open(1, "w", 1 if os.isatty(1) else -1, encoding="utf-8")  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def _operation(descriptors: Sequence[int]) -> int:
    """Be an operation process (`cellctl.engine.child.main`): its channel, and its log twice."""
    from cellctl.engine.child import Child
    from cellctl.engine.wire import Channel

    channel, log = descriptors
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    streams([os.open(os.devnull, os.O_RDONLY), os.dup(log), log])
    gc.disable()
    Child(Channel(channel)).serve()
    return 0


def _command(words: object, descriptors: Sequence[int]) -> int:
    """Be `cellctl WORDS`."""
    from cellctl.cli import main as cellctl

    assert isinstance(words, list)
    streams(descriptors)
    sys.argv = [str(LAUNCHER), *words]
    try:
        cellctl()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


if __name__ == "__main__":
    main()
