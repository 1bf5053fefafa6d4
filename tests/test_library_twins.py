"""Whatever a command does can be had in Python: docs/guides/embedding.md says as what, and this holds it to that."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import cast

import click
import pytest
import typer.main

from cellctl import AsyncCell, Cell, RunOptions, async_cell, async_gateway, async_reef, cell, gateway, reef
from cellctl.account import Account
from cellctl.alarms import AlarmStatus
from cellctl.async_account import AsyncAccount
from cellctl.async_gateway import AsyncGateway
from cellctl.async_reef import AsyncReef
from cellctl.async_removal import AsyncRemovable
from cellctl.cli.app import app
from cellctl.drift import DriftReport
from cellctl.gates import Judged
from cellctl.gateway import Gateway
from cellctl.plan import Outcome, Plan
from cellctl.reef import Reef
from cellctl.registry.points import RestorePoint
from cellctl.registry.serving import GatewayView
from cellctl.rehearsal.rehearsing import Rehearsal
from cellctl.removal import Removable
from cellctl.run.accounts import QuotaFit
from cellctl.run.explaining import Explained
from cellctl.run.reefs import ReefStatus
from cellctl.run.registry import Report
from cellctl.run.serving import Found
from cellctl.run.status import CellStatus
from cellctl.views.jsonl import summary_json

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `cellctl ([a-z -]+)` \| (.+) \|$", re.MULTILINE)
SHOWN = {
    "bind",
    "port",
    "output",
    "format_",
    "details",
    "yes",
    "exit_code",
    "output_file",
    "page",
    "save",
    "speed",
    "out",
    "write",
}
"""How a command shows things, asks and ends."""
PLACED = {
    "home", "cell", "cloud", "reef", "gateway", "account", "run", "kind", "post", "to", "pull_request", "commit",
    "last", "outcome",
}  # fmt: skip
"""What a handle, a forge or a caller's own slice is made of."""
OTHERWISE = {
    "allow_replace": "allow", "accept_data_loss": "accept_loss", "deadline": "deadline_s", "select": "names",
    "expires": "expires_at", "report": "path",
    "plans": "approvals", "every": "names", "key": "reference",
    "off": "on", "source": "document value", "purge": "name", "setting": "mode", "put": "value", "ambient": "factor",
    "name": "show_secrets", "clear": "name", "delete": "value", "limit": "maximum", "with_": "wanted",
    "clouds": "stack", "pass_": "seconds",
}  # fmt: skip
"""Options that have another word in Python."""


def commands() -> dict[str, click.Command]:
    def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
        if hasattr(command, "list_commands"):
            group, context = cast("click.Group", command), click.Context(command)
            for name in group.list_commands(context):
                yield from walk(cast("click.Command", group.get_command(context, name)), (*words, name))
        else:
            yield " ".join(words), command

    return dict(walk(typer.main.get_command(app), ()))


def twins() -> dict[str, list[Callable[..., object]]]:
    table = ROW.findall((ROOT / "docs" / "guides" / "embedding.md").read_text(encoding="utf-8"))
    return {name: [_named(path) for path in re.findall(r"`([^`]+)`", cell)] for name, cell in table}


def _named(path: str) -> Callable[..., object]:
    parts = path.split(".")
    depth = next(n for n in range(len(parts), 0, -1) if _module(".".join(parts[:n])))
    found: object = importlib.import_module(".".join(parts[:depth]))
    for part in parts[depth:]:
        found = getattr(found, part)
    return cast("Callable[..., object]", found)


def _module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def test_every_command_has_a_twin_with_the_same_fields() -> None:
    found = commands()
    assert sorted(twins()) == sorted(found), "docs/guides/embedding.md has a line for each command"
    missing = {
        name: left for name, command in found.items() if (left := sorted(_options(command) - _taken(twins()[name])))
    }
    assert missing == {}


def _options(command: click.Command) -> set[str]:
    chosen_after = {"list_", "target"} | ({"type_"} if command.name == "calls" else set())
    return {str(option.name) for option in command.params} - SHOWN - PLACED - chosen_after - {"help"}


def _taken(callables: list[Callable[..., object]]) -> set[str]:
    taken: set[str] = set()
    for call in callables:
        taken |= {field.name for field in fields(call)} if is_dataclass(call) else {*inspect.signature(call).parameters}
    if "options" in taken:
        taken |= {field.name for field in fields(RunOptions)}
    words = taken | {option for option, other in OTHERWISE.items() if taken & {*other.split()}}
    return words | (RULE if "rule" in taken else set())


RULE = {
    "type_", "name", "op", "cloud", "count", "skip", "rate", "error", "effect", "delay", "when", "message", "set_",
    "delete", "after", "clear",
}  # fmt: skip
"""What a rule of a fault or of drift holds."""


class Recorder:
    """In the place of `cellctl.cli.streams`: keeps what a command would print as JSON."""

    def __init__(self) -> None:
        self.shown: list[object] = []

    def show_json(self, value: object) -> None:
        self.shown.append(value)


def shown(module: str, given: Mapping[str, object]) -> object:
    """Return what a command's module prints as JSON where its variables are `given`: its own lines are run."""
    source = ast.parse((ROOT / "cellctl" / "cli" / f"{module}.py").read_text(encoding="utf-8"))
    for function in (node for node in source.body if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, ast.If) and "ormat.JSON" in ast.unparse(node.test):
                imports = [item for item in function.body if isinstance(item, ast.ImportFrom)]
                recorder, names = Recorder(), {"dataclasses": dataclasses}
                exec(compile(ast.Module(imports, []), module, "exec"), names)
                names |= {"streams": recorder, **given}
                exec(compile(ast.Module(node.body, []), module, "exec"), names)
                return recorder.shown[0]
    raise AssertionError(f"{module} prints no JSON")


REPORT = DriftReport(cell="acme", cloud="aws", account="sandbox", looked=1)
STATUS = CellStatus(name="acme", cloud="aws", account="sandbox", region="eu-west-1", state="up")
ALARM = AlarmStatus(name="a", watches="m", when="> 1", says="", state="ok")
PLAN = Plan(cell="acme", cloud="aws", account="sandbox", operation="up", changes=())
OUTCOME = Outcome(cell="acme", cloud="aws", account="sandbox", operation="up", result="succeeded", changes={})
REEF = ReefStatus(name="r1", cloud="aws", account="sandbox", region="eu-west-1", known=None)
FOUND = Found(account="sandbox", view=GatewayView(**dict.fromkeys((item.name for item in fields(GatewayView)), ())))
EXPLAINED = Explained(**dict.fromkeys((item.name for item in fields(Explained)), ""))
JUDGED = Judged(gateway="g", gates=())
FIT = QuotaFit(quota="rds.instances", limit=1, needed=1, breaks_at=0)
POINT = RestorePoint(**dict.fromkeys((item.name for item in fields(RestorePoint)), ""))  # type: ignore[arg-type]
REHEARSAL = Rehearsal(now={}, other={}, cells=(), failed={})
PRINTED: dict[str, tuple[object, Callable[[], object]]] = {
    "preview": (PLAN, lambda: shown("preview", {"plan": PLAN})),
    "drift": (REPORT, lambda: shown("drift", {"found": {"acme": REPORT}})["cells"][0]),  # type: ignore[index]
    "status": (STATUS, lambda: shown("status", {"found": STATUS})),
    "alarms": (ALARM, lambda: shown("alarms", {"found": [ALARM]})["alarms"][0]),  # type: ignore[index]
    "reef alarms": (ALARM, lambda: shown("alarms", {"found": [ALARM]})["alarms"][0]),  # type: ignore[index]
    "cells": (STATUS, lambda: shown("cells", {"found": [STATUS]})["cells"][0]),  # type: ignore[index]
    "explain": (EXPLAINED, lambda: shown("explain", {"found": EXPLAINED})),
    "rehearse": (REHEARSAL, lambda: shown("rehearse", {"found": REHEARSAL})),
    "reef status": (REEF, lambda: shown("reef/status", {"found": [REEF]})["reefs"][0]),  # type: ignore[index]
    "gateway status": (FOUND, lambda: shown("gateway/status", {"found": [FOUND]})["gateways"][0]),  # type: ignore[index]
    "gateway probe": (JUDGED, lambda: shown("gateway/probe", {"judged": JUDGED})),
    "registry check": (CHECKED := Report(registry="", cells=1), lambda: shown("registry/check", {"report": CHECKED})),
    "registry rebuild": (CHECKED, lambda: shown("registry/rebuild", {"report": CHECKED})),
    "registry restore-points": (
        POINT,
        lambda: shown("registry/restore_points", {"found": [POINT]})["restore_points"][0],  # type: ignore[index]
    ),
    "account quotas": (
        FIT,
        lambda: shown("account/quotas", {"found": [FIT], "account": "", "on": "aws", "cells": 1})["quotas"][0],  # type: ignore[index]
    ),
    **{
        command: (OUTCOME, lambda: summary_json(OUTCOME))
        for command in ("up", "down", "refresh", "import", "reef up", "reef expand", "reef down", "account up",
                        "account down")
    },
}  # fmt: skip
"""What the twin of a command returns (one of many where it yields several), and what the command prints of it."""
OTHER_WORDS = {
    "Outcome": {"errors": "failures", "engine": "engine_name engine_version"},
    "Rehearsal": {"proof": "checked"},
    "Found": dict.fromkeys([*(item.name for item in fields(GatewayView)), "free"], "view"),
}  # fmt: skip
"""Printed fields that have another name in Python."""
ABOUT_THE_DOCUMENT = {"format_version", "kind", "note"}
NOT_PRINTED = {("Outcome", "gates"): "each was told as it was tried, and `gateway status` has the last of them"}


@pytest.mark.parametrize("command", PRINTED)
def test_what_a_command_prints_as_json_is_what_its_twin_returns(command: str) -> None:
    value, prints = PRINTED[command]
    found = prints()
    assert isinstance(found, dict)
    cls = type(value)
    words = OTHER_WORDS.get(cls.__name__, {})
    told = {word for name in found for word in words.get(name, name).split()}
    told -= ABOUT_THE_DOCUMENT - {item.name for item in fields(cls)}
    kept = {item.name for item in fields(cls)} - {name for of, name in NOT_PRINTED if of == cls.__name__}
    assert kept - told == set(), "the twin returns what is not printed"
    assert {name for name in told if not hasattr(value, name)} == set(), "printed is what the twin does not return"
    returned = " ".join(str(inspect.signature(call).return_annotation) for call in twins()[command])
    assert cls.__name__ in returned


def test_every_command_that_prints_json_is_held_to_its_twin() -> None:
    """Others print what is no result of theirs: schemas, settings, a forge's answer, what the sandbox is asked."""
    plain = {
        "outputs": "the outputs themselves", "approve": "the signed file", "doctor": "findings of both twins",
        "replay": "a record as it was written", "pr preview": "its report file", "pr comment": "its report file",
    }  # fmt: skip
    found = {
        name
        for name, command in commands().items()
        if {str(option.name) for option in command.params} & {"format_", "output"}
        and not name.startswith(("sandbox ", "schema "))
    }
    assert found - {*PRINTED} - {*plain} == set()


PAIRS = {
    "cell": (AsyncCell, Cell),
    "reef": (AsyncReef, Reef),
    "account": (AsyncAccount, Account),
    "gateway": (AsyncGateway, Gateway),
}
"""Handles whose methods are awaited, and those that block: module `cellctl.NAME`, and what it holds of the other."""
MANY = {
    "cell": (async_cell, cell, ["cells", "preview_all", "drift_all"]),
    "reef": (async_reef, reef, ["reefs"]),
    "gateway": (async_gateway, gateway, ["gateways"]),
}
"""Functions of both forms."""


SHARED = ("preview_down", "down")
"""What the handles of a stack have from `cellctl.removal`."""


def methods(cls: type) -> list[str]:
    return [
        name for name, found in vars(cls).items() if not name.startswith("_") and name != "open" and callable(found)
    ]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (waits, _) in PAIRS.items() for name in methods(waits)]
)
def test_the_blocking_form_is_an_adapter_and_nothing_else(kind: str, name: str) -> None:
    """Same arguments, same result without the `Running`, and a body that is one call."""
    waits, blocks = PAIRS[kind]
    _one_call(getattr(waits, name), getattr(blocks, name), f"self._{kind}.{name}", kind)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, (_, _, names) in MANY.items() for name in names])
def test_the_blocking_form_of_many_is_an_adapter_and_nothing_else(kind: str, name: str) -> None:
    waits, blocks, _ = MANY[kind]
    _one_call(getattr(waits, name), getattr(blocks, name), f"async_{kind}.{name}", kind)


def _one_call(waits: Callable[..., object], blocks: Callable[..., object], words: str, module: str) -> None:
    waited, blocking = inspect.signature(waits), inspect.signature(blocks)
    assert [(item.name, item.kind, item.default) for item in waited.parameters.values()] == [
        (item.name, item.kind, item.default) for item in blocking.parameters.values()
    ]
    one = re.fullmatch(r"Several\[(.+)\]", str(waited.return_annotation))
    wanted = f"Iterator[tuple[str, {one[1]} | CellctlError]]" if one else blocking.return_annotation
    assert blocking.return_annotation == wanted
    assert one or waited.return_annotation == f"Running[{blocking.return_annotation}]"
    ((_, body),) = [
        (node.name, node.body)
        for node in ast.walk(ast.parse((ROOT / "cellctl" / f"{module}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == blocks.__name__
    ]
    said, call = body
    assert isinstance(said, ast.Expr)
    assert re.fullmatch(rf"return {re.escape(words)}\(.*\)\.here\(\)", ast.unparse(call))


@pytest.mark.parametrize("name", SHARED)
def test_what_the_handles_of_a_stack_share_is_an_adapter_too(name: str) -> None:
    _one_call(getattr(AsyncRemovable, name), getattr(Removable, name), f"self._removal.{name}", "removal")


@pytest.mark.parametrize("kind", PAIRS)
def test_both_forms_have_the_same_methods(kind: str) -> None:
    waits, blocks = PAIRS[kind]
    assert methods(blocks) == methods(waits)
    assert methods(Removable) == methods(AsyncRemovable) == list(SHARED)
    assert issubclass(waits, AsyncRemovable) == issubclass(blocks, Removable) == (kind != "gateway")
