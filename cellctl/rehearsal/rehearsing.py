"""Rehearse: what other versions of provider SDKs would do to each cell, from its state. Changes nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.cell import Cell, preview_all
from cellctl.engine.workspace import Workspaces
from cellctl.errors import CellctlError, UsageError
from cellctl.home.accounts import SANDBOX
from cellctl.home.reefs import find_reef
from cellctl.rehearsal.comparing import EFFECTS, Difference, differences
from cellctl.rehearsal.environment import Requirement, environment
from cellctl.rehearsal.shapes import Sdk
from cellctl.run.knowledge import FactsOfTypes
from cellctl.run.status import load
from cellctl.run.target import REEF

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.plan import Change, Plan
    from cellctl.run.options import Interrupter, RunOptions
    from cellctl.spec import CellSpec
    from cellctl.spec.reef import ReefSpec
    from cellctl.state.resources import ResourceState

NOT_CHECKED = "provider-side differences not checked"
"""How a rehearsal begins that did not ask the other versions' plugins: what replaces a database is decided there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsed:
    """What would become of one cell. `planned`: how its plan would differ, None where none could be made.

    `uses`: whether its state holds anything of the SDKs. `with_plugin`: the other versions' plugins judged the plan.
    """

    cell: str
    uses: bool = True
    differences: tuple[Difference, ...] = ()
    planned: tuple[str, ...] | None = None
    with_plugin: bool = False
    alike: str = ""

    @property
    def differs(self) -> bool:
        """Whether there is anything to say of it."""
        return bool(self.differences or self.planned)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """What would become of all. `now` and `other`: the versions of each SDK. `failed`: cells not looked at."""

    now: Mapping[str, str]
    other: Mapping[str, str]
    cells: Sequence[Rehearsed]
    failed: Mapping[str, CellctlError]

    @property
    def checked(self) -> bool:
        """Whether the other versions' own plugins judged every cell; without, nothing is proven."""
        return bool(self.cells) and not self.failed and all(cell.with_plugin for cell in self.cells if cell.uses)

    def groups(self) -> list[tuple[Rehearsed, list[str]]]:
        """Return each way in which cells differ, with the cells that do; the most cells first."""
        found: dict[object, tuple[Rehearsed, list[str]]] = {}
        for cell in self.cells:
            if cell.differs:
                key = (cell.differences, cell.alike, cell.planned is None)
                found.setdefault(key, (cell, []))[1].append(cell.cell)
        return sorted(found.values(), key=lambda group: -len(group[1]))


def rehearse(
    home: Home,
    names: Iterable[str],
    wanted: Sequence[Requirement],
    *,
    options: RunOptions,
    interrupter: Interrupter | None = None,
) -> Rehearsal:
    """Return what `wanted` would do to each cell (`acme`) and reef (`reef/r1`) of a home that has a state.

    The SDKs' classes are compared for what each state holds. A plan under both versions is made and compared where
    that shows something: for a real account with the Pulumi CLI on the PATH of `options.environment` and the other
    version's plugin in the home; and in the sandbox, where it shows whether the program still runs.

    Raises:
        UsageError: A package is not in use here (code `not_in_use`), or cannot be installed (code `not_installed`).
        Interrupted: `interrupter` was used.
    """
    now = [_in_use(item) for item in wanted]
    made = environment(home.root / ".cellctl" / "rehearsals", wanted, options.environment)
    other = [Sdk(made.packages, item.module) for item in wanted]
    pairs = list(zip(now, other, strict=True))
    cells: dict[str, Rehearsed] = {}
    failed: dict[str, CellctlError] = {}
    for name in names:
        try:
            cells[name] = _compared(home, name, pairs, options)
        except CellctlError as error:
            failed[name] = error
    plugins = _have_plugins(home, pairs, options.environment)
    chosen = {name: spec for name, cell in cells.items() if cell.uses and (spec := _planable(home, name, plugins))}
    options = replace(options, refresh="none")
    before = preview_all(home, chosen.values(), options=options, interrupter=interrupter)
    other_start = replace(options, start=made.start)
    after = preview_all(home, chosen.values(), options=other_start, interrupter=interrupter)
    for name, (_, was), (_, would) in zip(chosen, before, after, strict=True):
        broken = next((item for item in (was, would) if isinstance(item, CellctlError)), None)
        if broken is not None:
            failed[name] = broken
            del cells[name]
        elif not isinstance(was, CellctlError) and not isinstance(would, CellctlError):
            cells[name] = _planned(cells[name], was, would)
    versions = [{item.module: item.version for item in sdks} for sdks in (now, other)]
    return Rehearsal(now=versions[0], other=versions[1], cells=list(cells.values()), failed=failed)


def _in_use(item: Requirement) -> Sdk:
    found = importlib.util.find_spec(item.module)
    if found is None or not found.origin:
        raise UsageError(f"{item.name} is not in use here", hint="rehearse what cells are made with", code="not_in_use")
    return Sdk(Path(found.origin).parents[1], item.module)


def _compared(home: Home, name: str, pairs: Sequence[tuple[Sdk, Sdk]], options: RunOptions) -> Rehearsed:
    loaded = load(home, name, options)
    if loaded is None:
        return Rehearsed(cell=name, uses=False)
    rows = [row for row in loaded.checkpoint.resources if row.custom and not row.is_provider and not row.delete]
    found = sorted(set(_differences(pairs, rows)), key=lambda item: (EFFECTS.index(item.effect), item.type, item.what))
    packages = {now.package for now, _ in pairs}
    uses = any(row.type.partition(":")[0] in packages for row in rows)
    return Rehearsed(cell=name, uses=uses, differences=tuple(found))


def _planable(home: Home, name: str, plugins: bool) -> CellSpec | ReefSpec | None:
    """Return the spec of what can be previewed under the other versions too, else None."""
    short = name.removeprefix(REEF)
    spec = find_reef(home, short, command="status").spec if short != name else Cell.open(name, home=home).spec
    return spec if spec is not None and (home.account(spec.spec.account).simulated or plugins) else None


def _planned(cell: Rehearsed, before: Plan, after: Plan) -> Rehearsed:
    return replace(
        cell,
        planned=tuple(_moved(before, after)),
        with_plugin=before.account != SANDBOX and before.versions.get("engine_name") == "pulumi",
        alike=f"{before.semantic_hash} {after.semantic_hash}",
    )


def _differences(pairs: Sequence[tuple[Sdk, Sdk]], rows: Sequence[ResourceState]) -> Iterator[Difference]:
    facts = FactsOfTypes()
    for now, other in pairs:
        for row in rows:
            if row.type.partition(":")[0] == now.package:
                yield from differences(now, other, row, stateful=row.protect or facts.stateful(row.type))


def _have_plugins(home: Home, pairs: Sequence[tuple[Sdk, Sdk]], ambient: Mapping[str, str]) -> bool:
    """Tell whether there is a CLI, and whether it would find each other version's plugin: a run downloads none."""
    folder = Workspaces(home.root).pulumi_home / "plugins"
    there = all((folder / f"resource-{other.package}-v{other.version}").is_dir() for _, other in pairs)
    return there and shutil.which("pulumi", path=ambient.get("PATH", os.defpath)) is not None


def _moved(before: Plan, after: Plan) -> Iterator[str]:
    """Yield how two plans of one cell differ, what fails first."""
    known = {item.message for item in before.diagnostics}
    yield from (item.message for item in after.diagnostics if item.severity == "error" and item.message not in known)
    if before.semantic_hash == after.semantic_hash or after.errored:
        return
    was, would = ({change.urn: change for change in plan.changes} for plan in (before, after))
    for urn in {**would, **was}:
        words = [_words(changes.get(urn)) for changes in (was, would)]
        if words[0] != words[1]:
            change = would.get(urn) or was[urn]
            data = ", which holds data" if change.stateful else ""
            yield f"{change.name} ({change.type}{data}): {words[0]}; then {words[1]}"


def _words(change: Change | None) -> str:
    """Return what would happen to one resource, and to which of its properties."""
    if change is None or change.action in ("same", "read"):
        return "stays" if change else "is not there"
    paths = ", ".join(change.replace_keys or [item.path for item in change.diff[:6]])
    return f"{change.action} ({paths})" if paths else change.action
