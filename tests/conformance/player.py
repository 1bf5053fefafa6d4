"""Plays the kit's scenarios as its own runner does with `--one`, but in forks of one process: `player.py RUNNER JOBS`.

Each scenario still has a process of its own (gRPC servers and the SDK's settings are per process), and so has each
plugin that its engine launches; only importing the SDK, the engine and the provider is done once. Prints what
`run.py -v` prints.
"""

from __future__ import annotations

import functools
import gc
import importlib
import importlib.util
import json
import os
import secrets
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "processes"))
from warm.server import Server, streams

COMMAND = "cellctl_sandbox.conformance:command"
INTERPRETER = """#!{python} -IS
import json, os, socket, sys
if not sys.argv[1].endswith("/provider.py"):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asking.connect({address!r})
told = {{"environment": dict(os.environ), "folder": os.getcwd()}}
socket.send_fds(asking, [json.dumps(told).encode()], [0, 1, 2])
os.closerange(0, 3)
asking.recv(64)
os._exit(int(asking.recv(64) or b"1"))
"""
"""What the kit's launchers start as Python: a provider is forked, all else is Python itself."""


def loaded(path: Path) -> ModuleType:
    """Import the kit's runner, and what its scenarios and our engine need."""
    spec = importlib.util.spec_from_file_location("kit", path)
    assert spec is not None
    assert spec.loader is not None
    kit = importlib.util.module_from_spec(spec)
    sys.modules["kit"] = kit
    spec.loader.exec_module(kit)
    for name in ("cellctl_sandbox.conformance", "cellctl_sandbox.engine.command", "grpc._channel", "grpc._server"):
        importlib.import_module(name)
    assert threading.active_count() == 1, "a process with threads must not fork"
    return kit


def served(kit: ModuleType, folder: Path) -> tuple[Path, int]:
    """Fork the process that forks providers; return the interpreter that asks it, and what it lives as long as."""
    address = f"cellctl-kit-{secrets.token_hex(16)}"
    ends, alive = os.pipe()
    if not os.fork():
        os.close(alive)
        os.dup2(ends, 0)
        spec = importlib.util.spec_from_file_location("provider", Path(str(kit.__file__)).with_name("provider.py"))
        assert spec is not None
        assert spec.loader is not None
        provider = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(provider)
        gc.freeze()
        Server(address, functools.partial(provide, provider)).serve()
        os._exit(0)
    os.close(ends)
    interpreter = folder / "python"
    interpreter.write_text(INTERPRETER.format(python=sys.executable, address=f"\0{address}"))
    interpreter.chmod(0o755)
    return interpreter, alive


def provide(provider: ModuleType, request: Mapping[str, object], descriptors: Sequence[int]) -> int:
    """Be the kit's provider under the environment of the request."""
    streams(descriptors)
    assert {"DIR", "VERSION"} <= set(vars(provider))  # what it reads of its environment when it is imported
    provider.__dict__.update(DIR=os.environ["CONF_DIR"], VERSION=os.environ["CONF_VERSION"])
    provider.__dict__["main"]()
    return 0


def begun(kit: ModuleType, path: str, interpreter: Path, alive: int) -> tuple[int, IO[str]]:
    """Fork a process that plays one scenario; return its pid and the file of what it says."""
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by whoever reads it
    pid = os.fork()
    if not pid:
        try:
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
            os.close(alive)
            sys.executable = str(interpreter)
            sys.argv = [str(kit.__file__), "--one", "--command", COMMAND, "--lines", "30", "-v", path]
            kit.main()  # ends the process
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(1)
    return pid, said


def played(kit: ModuleType, jobs: int, interpreter: Path, alive: int) -> Iterator[tuple[str, str, str]]:
    """Yield name, verdict and text of each scenario, `jobs` at a time, as they end."""
    waiting, running = list(kit.find([], "")), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            path = waiting.pop(0)
            pid, said = begun(kit, path, interpreter, alive)
            running[pid] = (path, said)
        pid, _ = os.wait()
        path, said = running.pop(pid)
        said.seek(0)
        lines = said.read().splitlines()
        said.close()
        yield Path(path).stem, *_verdict(lines)


def _verdict(lines: list[str]) -> tuple[str, str]:
    for number in reversed(range(len(lines))):
        try:
            verdict, text = json.loads(lines[number])
        except ValueError:
            continue
        return verdict, "\n".join([text, *lines[:number], *lines[number + 1 :]]).strip()
    return "FAIL", "\n".join(["the runner itself failed:", *lines[-60:]])


def main() -> None:
    """Play all."""
    kit = loaded(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        interpreter, alive = served(kit, Path(folder))
        for name, verdict, text in played(kit, int(sys.argv[2]), interpreter, alive):
            print(f"{verdict:8} {name}", flush=True)
            if text:
                print("    " + text.replace("\n", "\n    "), flush=True)


if __name__ == "__main__":
    main()
