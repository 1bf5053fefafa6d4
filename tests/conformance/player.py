"""Plays the kit's scenarios as its own runner does with `--one`, but in forks of one process: `player.py RUNNER JOBS`.

Each scenario still has a process of its own (gRPC servers and the SDK's settings are per process), and so has each
plugin that its engine launches; only importing the SDK, the engine and the provider, and deriving a key, is done once.
Prints what `run.py -v` prints.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import secrets
import select
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO

from cellctl.state import sealing

COMMAND = "cellctl_sandbox.conformance:command"
PASSPHRASE = "correct horse"
INTERPRETER = """#!/bin/sh
case $1 in
*/provider.py) exec 8<&0 9>&1 && rm -f "$0.$$" && mkfifo "$0.$$" && echo $$ >{asked} && read -r _ <"$0.$$" ;;
*) exec {python} "$@" ;;
esac
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
    asked, interpreter = folder / "asked", folder / "python"
    os.mkfifo(asked)
    interpreter.write_text(INTERPRETER.format(python=sys.executable, asked=asked))
    interpreter.chmod(0o755)
    ends, alive = os.pipe()
    if not os.fork():
        os.close(alive)
        spec = importlib.util.spec_from_file_location("provider", Path(str(kit.__file__)).with_name("provider.py"))
        assert spec is not None
        assert spec.loader is not None
        provider = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(provider)
        gc.freeze()
        serve(provider, interpreter, os.open(asked, os.O_RDWR), ends)
        os._exit(0)
    os.close(ends)
    return interpreter, alive


def serve(provider: ModuleType, interpreter: Path, asked: int, ends: int) -> None:
    """Fork a provider for each process that asks, until the other side of `ends` is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([asked, ends], [], [])
        if ends in ready:
            return
        for pid in os.read(asked, select.PIPE_BUF).decode().split():
            if os.fork():
                continue
            with contextlib.suppress(OSError):  # it was killed meanwhile
                provide(provider, Path("/proc", pid), Path(f"{interpreter}.{pid}"))
            os._exit(1)


def provide(provider: ModuleType, asking: Path, waits: Path) -> None:
    """Be the kit's provider in the place of a process that waits for its end."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # ends with the player
    environment = dict(item.split("=", 1) for item in (asking / "environ").read_text().split("\0") if "=" in item)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(asking / "cwd")
    os.dup2(os.open(asking / "fd/8", os.O_RDONLY), 0)
    os.dup2(os.open(asking / "fd/9", os.O_WRONLY), 1)
    os.open(waits, os.O_WRONLY)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
    assert {"DIR", "VERSION"} <= set(vars(provider))  # what it reads of its environment when it is imported
    provider.__dict__.update(DIR=os.environ["CONF_DIR"], VERSION=os.environ["CONF_VERSION"])
    provider.__dict__["main"]()  # ends the process


class OneSalt:
    """`secrets` for our stacks: they share a salt, so that its key, which each process needs, is derived once."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(8)
        sealing.derive_key(PASSPHRASE, self._salt)

    def token_bytes(self, count: int) -> bytes:
        """Return the salt, or random bytes of another number."""
        return self._salt if count == len(self._salt) else secrets.token_bytes(count)


def begun(kit: ModuleType, path: str, interpreter: Path, alive: int) -> tuple[int, IO[str]]:
    """Fork a process that plays one scenario; return its pid and the file of what it says."""
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by whoever reads it
    pid = os.fork()
    if not pid:
        try:
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
            os.close(alive)
            gc.disable()  # it lives for seconds
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
        sealing.secrets = OneSalt()  # type: ignore[assignment]
        gc.collect()
        gc.freeze()
        for name, verdict, text in played(kit, int(sys.argv[2]), interpreter, alive):
            print(f"{verdict:8} {name}", flush=True)
            if text:
                print("    " + text.replace("\n", "\n    "), flush=True)


if __name__ == "__main__":
    main()
