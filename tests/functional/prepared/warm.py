"""Operation processes forked from a warm one: what every run imports is imported once. `python -m prepared.warm FD`."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

from crashes.nursery import Forked, die_with_parent, forked

from cellctl.engine.operation import Process, Start
from cellctl.engine.wire import Setup

_MODULES = (
    "cellctl.engine.automation", "cellctl.verify.nodes", "cellctl.verify.database", "cellctl.verify.outputs",
    "cellctl_provider.octopus.node", "cellctl_provider.octopus.administrator", "cellctl_provider.sql.cell_database",
    "cellctl_provider.aws.secrets_manager", "cellctl_provider.azure.key_vault", "cellctl_sandbox.engine.command",
    "cellctl_sandbox.standins.aws_endpoint", "cellctl_sandbox.standins.octopus.standin",
    "cellctl_sandbox.standins.run_command", "cellctl_sandbox.standins.secret_stores",
    "cellctl_sandbox.standins.storage_gateway", "cellctl_sandbox.standins.tds.standin", "cellctl_stacks.aws_cell",
    "cellctl_stacks.azure_cell", "boto3", "httpx",
)  # fmt: skip


@contextlib.contextmanager
def warm() -> Iterator[Start]:
    """Give a `Start` whose processes come from one that is warm; it ends with the block."""
    mine, theirs = socket.socketpair()
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "prepared.warm", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),), env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip

    def start(setup: Setup, channel: socket.socket) -> Process:
        told = json.dumps({"work": setup.work_dir, "log": f"{setup.run_dir}/log.txt"})
        socket.send_fds(mine, [told.encode()], [channel.fileno()])
        return Forked(int(mine.recv(64)))

    try:
        yield start
    finally:
        mine.close()
        server.wait()


def _serve(requests: socket.socket) -> None:
    die_with_parent()
    from cellctl import clouds
    from cellctl.engine import services
    from cellctl.engine.child import Child
    from cellctl.engine.wire import Channel

    services.install(clouds.SDKS)
    for name in _MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here asks how they ended
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, 4096, 1)
        if not message:
            return
        told, descriptor = json.loads(message), descriptors[0]

        def work(folder: str = told["work"], descriptor: int = descriptor) -> None:
            requests.close()
            os.setsid()
            os.chdir(folder)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            Child(Channel(descriptor)).serve()

        pid = forked(work, log=told["log"])
        os.close(descriptor)
        requests.send(str(pid).encode())


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
