"""Whatever a command does can be had in Python: docs/guides/embedding.md says as what, and this holds it to that."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import cast

import click
import pytest
import typer.main

from cellctl import AsyncCell, Cell, RunOptions, async_cell, async_gateway, async_reef, cell, gateway, reef
from cellctl.account import Account
from cellctl.async_account import AsyncAccount
from cellctl.async_gateway import AsyncGateway
from cellctl.async_reef import AsyncReef
from cellctl.cli.app import app
from cellctl.gateway import Gateway
from cellctl.reef import Reef

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
    "clouds": "stack",
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


def methods(cls: type) -> list[str]:
    return [name for name in vars(cls) if not name.startswith("_") and name != "open"]


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


@pytest.mark.parametrize("kind", PAIRS)
def test_both_forms_have_the_same_methods(kind: str) -> None:
    waits, blocks = PAIRS[kind]
    assert methods(blocks) == methods(waits)
