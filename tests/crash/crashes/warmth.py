"""Does what a run does once in a process that stays without threads, so that forks of it start warm."""

from __future__ import annotations

import gc
import importlib
import json
import os
import shutil
import socket
import threading
import time
from pathlib import Path

from cellctl.engine.automation import Cockpit
from cellctl.engine.operation import Process, Start
from cellctl.engine.wire import Setup, Task, setup_json, setup_of
from crashes.aim import Observer
from crashes.drive import Command, Ended, ended_of, typed
from crashes.host import Run, start_operation

MODULES = (
    "_strptime", "cellctl.engine.child", "cellctl_provider.hosts.plugin", "encodings.ascii", "encodings.idna",
    "grpc._channel", "grpc._interceptor", "grpc._server", "grpc.experimental",
)  # fmt: skip
"""Of processes that serve or ask over gRPC, after which nobody may fork."""
LEAVING_S = 20.0


def rehearse(home: Path, command: Command, log: Path, *, whole: bool = True) -> Ended:
    """Run `command` in `home` to its end, its own part in this process; then what its operation process does, too.

    The latter happens in a copy of the home as it was before, which is gone afterwards; unless `whole`, the preview
    will do, for the forks of a long run would be few.
    """
    for name in MODULES:
        importlib.import_module(name)
    spare, setups = home.with_name(f"{home.name}-spare"), []

    def start(setup: Setup, theirs: socket.socket) -> Process:
        shutil.copytree(home, spare)
        told = json.dumps(setup_json(setup)).replace(str(home), str(spare))
        setups.append(setup_of(json.loads(told)))
        return start_operation(setup, theirs)

    ended = run_here(home, command, log, start)
    Run.observer = Observer(log.with_suffix(".spare"), None)
    _operate(setups[0], whole=whole)
    shutil.rmtree(spare)
    freeze()
    return ended


def run_here(home: Path, command: Command, log: Path, start: Start = start_operation) -> Ended:
    """Run `command` in `home` to its end, its own part in this process."""
    Run.observer, Run.apart = Observer(log, None), False
    ended = ended_of(typed(home, command, start))
    assert ended.result == "succeeded", ended
    return ended


def freeze() -> None:
    """Let nothing of this process be walked by a collection in its forks; wait until its threads have left."""
    until = time.monotonic() + LEAVING_S
    while threading.active_count() > 1:  # the clock's keeper leaves by itself
        assert time.monotonic() < until, threading.enumerate()
        time.sleep(0.05)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)  # what a walker does in its own process is collected seldom


def _operate(setup: Setup, *, whole: bool) -> None:
    here = Path.cwd()
    os.chdir(setup.work_dir)
    cockpit = Cockpit(setup, lambda _text, _simulated: None)
    try:
        cockpit.perform(Task(verb="look_up", targets=("urn:pulumi:none",)))
        cockpit.perform(Task(verb="preview"))
        if not whole:
            return
        outputs = cockpit.perform(Task(verb="up"))["outputs"]
        assert isinstance(outputs, dict)
        cockpit.perform(Task(verb="verify", outputs=outputs))
        cockpit.perform(Task(verb="preview_refresh"))
    finally:
        cockpit.close()
        os.chdir(here)
