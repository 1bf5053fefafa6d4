"""One command on one cell, as a person types it, in this process; and the same in a process that can be killed."""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from cellctl.cell import Cell
from cellctl.engine.operation import Start
from cellctl.errors import CellctlError, GuardError
from cellctl.facts.policies import CODES
from cellctl.home import Home
from cellctl.run import preview, refresh
from cellctl.run.options import RunOptions
from cellctl.spec import CellSpec
from crashes.aim import Aim, Observer
from crashes.host import ENGINE, Run, start_operation
from crashes.witness import SHARE

PLANNERS = ((preview, "plan_up"), (refresh, "plan_refresh"))


@dataclass(frozen=True, kw_only=True)
class Command:
    """`verb` on a cell of a cloud; `variation` chooses the witness's program, `refresh` what is read before."""

    verb: str
    cell: str
    cloud: str
    region: str
    variation: str = ""
    refresh: Literal["all", "stateful", "none"] = "stateful"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended: `result` is the outcome's, `raised`, or `killed`."""

    result: str
    code: str = ""
    text: str = ""
    said: tuple[str, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    cpu_s: float = 0.0


def perform(home: Path, command: Command, log: Path, aim: Aim | None = None, *, apart: bool = False) -> Ended:
    """Run a command in a process group of its own, to its end or to the aim."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        _in_child(write, lambda: _command(home, command, log, aim, apart))
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    _, _, used = os.wait4(pid, 0)
    told: dict[str, object] = json.loads(text) if text else {"result": "killed"}
    return ended_of({**told, "cpu_s": used.ru_utime + used.ru_stime})


def go_on(home: Path, command: Command, log: Path, aim: Aim | None = None, *, apart: bool = False) -> Ended:
    """Run a command in this process, as a service does that goes on with the next; the aim must spare it.

    Everything else is as in `perform`: the operation process and the providers' are others.
    """
    before = _cpu_s()
    try:
        told = _command(home, command, log, aim, apart)
    except BaseException:
        told = {"result": "crashed", "text": traceback.format_exc()}
    Run.observer.close()
    return ended_of({**told, "cpu_s": _cpu_s() - before})


@contextmanager
def planned(plan: object) -> Iterator[None]:
    """Let each `up` or `refresh` of this process and its forks have the plan of an unharmed run, as an approved one.

    To plan is most of what a run costs that is struck at once, and no kill point lies in it. None: of a `down`.
    """
    with pytest.MonkeyPatch.context() as patch:
        if plan is not None:
            for module, name in PLANNERS:
                patch.setattr(module, name, lambda *_asked: plan)
        yield


@contextmanager
def plans() -> Iterator[list[object]]:
    """Give the plans that runs of this process make, except those of a `down`."""
    made: list[object] = []

    def kept(plan_of: Callable[..., object]) -> Callable[..., object]:
        def plan(*asked: object) -> object:
            made.append(plan_of(*asked))
            return made[-1]

        return plan

    with pytest.MonkeyPatch.context() as patch:
        for module, name in PLANNERS:
            patch.setattr(module, name, kept(getattr(module, name)))
        yield made


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def ended_of(told: Mapping[str, object]) -> Ended:
    """Return what `typed` told, as a value."""
    return Ended(**told)  # type: ignore[arg-type]


def _in_child(write: int, work: Callable[[], Mapping[str, object]]) -> None:
    os.setpgid(0, 0)
    try:
        told = work()
    except BaseException:
        told = {"result": "crashed", "text": traceback.format_exc()}
    os.write(write, json.dumps(told).encode())
    sys.stdout.flush()
    os._exit(0)


def _command(home: Path, command: Command, log: Path, aim: Aim | None, apart: bool) -> Mapping[str, object]:
    Run.observer, Run.apart = Observer(log, aim), apart
    return typed(home, command, start_operation)


def typed(home: Path, command: Command, start: Start) -> Mapping[str, object]:
    """Run a command in this process, and tell how it ended."""
    said: list[str] = []
    options = RunOptions(
        engine=ENGINE,
        clock="stepped",
        start=start,
        command=f"cellctl {command.verb} {command.cell}",
        allow=frozenset({SHARE}),
        accept_loss=frozenset({SHARE}),  # whether it is proven is judged before anything that is struck here
        override=frozenset(CODES.values()),  # the witness is no cell
        refresh=command.refresh,
    )
    spec = CellSpec.minimal(command.cell, cloud=command.cloud, region=command.region)  # type: ignore[arg-type]
    if command.variation:
        metadata = spec.metadata.model_copy(update={"labels": {"variation": command.variation}})
        spec = spec.model_copy(update={"metadata": metadata})
    cell = Cell(spec, home=Home(home))

    def heard(event: object) -> None:
        diagnostic = getattr(event, "diagnostic", None)
        if diagnostic is not None:
            said.append(diagnostic.message)

    try:
        if command.verb == "down":
            outcome = cell.down(ask=_yes, options=options, on_event=heard, delete_data=True)
        elif command.verb == "refresh":
            outcome = cell.refresh(ask=_yes, options=options, on_event=heard)
        else:
            outcome = cell.up(ask=_yes, options=options, on_event=heard)
    except CellctlError as error:
        more = [item.reason for item in error.objections] if isinstance(error, GuardError) else []
        return {"result": "raised", "code": error.code, "text": "; ".join([str(error), *more]), "said": said}
    text = "; ".join(f"{item.code}: {item.message} ({item.urn.rpartition('::')[2]})" for item in outcome.failures)
    return {"result": outcome.result, "text": text, "said": said, "changes": dict(outcome.changes)}


def _yes(plan: object, objections: object) -> bool:
    return True
