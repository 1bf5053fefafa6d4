"""Plays the kit's scenarios as its own runner does with `--one`, but in forks of one process: `player.py RUNNER JOBS`.

Each scenario still has a process of its own (gRPC servers and the SDK's settings are per process); only importing the
SDK and the engine is done once. Prints what `run.py -v` prints.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO

COMMAND = "cellctl_sandbox.conformance:command"


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


def begun(kit: ModuleType, path: str) -> tuple[int, IO[str]]:
    """Fork a process that plays one scenario; return its pid and the file of what it says."""
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by whoever reads it
    pid = os.fork()
    if not pid:
        try:
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
            sys.argv = [str(kit.__file__), "--one", "--command", COMMAND, "--lines", "30", "-v", path]
            kit.main()  # ends the process
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(1)
    return pid, said


def played(kit: ModuleType, jobs: int) -> Iterator[tuple[str, str, str]]:
    """Yield name, verdict and text of each scenario, `jobs` at a time, as they end."""
    waiting, running = list(kit.find([], "")), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            path = waiting.pop(0)
            pid, said = begun(kit, path)
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
    for name, verdict, text in played(kit, int(sys.argv[2])):
        print(f"{verdict:8} {name}", flush=True)
        if text:
            print("    " + text.replace("\n", "\n    "), flush=True)


if __name__ == "__main__":
    main()
