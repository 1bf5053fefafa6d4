"""What a machine and a home have. Changes nothing and asks no cloud."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING

from cellctl import __version__
from cellctl.doctor.findings import Finding
from cellctl.errors import CellctlError
from cellctl.gates import ends_soon

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.run.status import CellStatus

_SDKS = (("pulumi-aws", "aws"), ("pulumi-azure-native", "azure"))
_LOW_DISK_MIB = 500


def examine(home: Home, *, environment: Mapping[str, str]) -> list[Finding]:
    """Return every finding. The Pulumi CLI is looked for on the PATH of `environment`."""
    search_path = environment.get("PATH", os.defpath)
    return [
        *_versions(),
        *_engines(home, search_path),
        *_place(home),
        *_accounts(home),
        *_registry(home),
        *_cells(home, environment),
    ]


def _versions() -> Iterator[Finding]:
    yield Finding(subject="cellctl", level="ok", message=f"{__version__} on Python {platform.python_version()}")
    yield Finding(subject="pulumi sdk", level="ok", message=version("pulumi"))
    for package, extra in _SDKS:
        try:
            yield Finding(subject=extra, level="ok", message=f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding(
                subject=extra,
                level="missing",
                message=f"{package} is not installed",
                remedy=f"pip install 'cellctl[{extra}]'",
            )


def _engines(home: Home, search_path: str) -> Iterator[Finding]:
    embedded = next((found for found in entry_points(group="cellctl.engines") if found.name == "embedded"), None)
    if embedded is not None:
        yield Finding(subject="sandbox", level="ok", message="embedded engine and simulated clouds are installed")
        yield _refused(embedded)
    else:
        yield Finding(
            subject="sandbox", level="missing", message="the sandbox is not installed", remedy="pip install cellctl"
        )
    needed = [name for name in ("sandbox", *home.settings.accounts) if name != "sandbox"]
    path = shutil.which("pulumi", path=search_path)
    if path is None:
        from cellctl.engine.pulumi_cli import INSTALL

        yield Finding(
            subject="pulumi cli",
            level="missing" if needed else "note",
            message="not on PATH" + ("" if needed else "; only real accounts need it"),
            remedy=INSTALL if needed else f"for a real account: {INSTALL}",
        )
        return
    yield _cli(path, search_path)


def _refused(embedded: EntryPoint) -> Finding:
    """Return what the embedded engine does not do: its module says so."""
    names = EntryPoint(name="refused", group=embedded.group, value=f"{embedded.module}:refused").load()()
    message = f"the embedded engine refuses: {', '.join(names)}"
    return Finding(subject="engine", level="note", message=message, remedy="where you need one: --engine pulumi")


def _cli(path: str, search_path: str) -> Finding:
    from cellctl.engine.pulumi_cli import checked_version

    try:
        found = checked_version(path, {"PATH": search_path})
    except CellctlError as error:
        return Finding(subject="pulumi cli", level="missing", message=error.summary, remedy=error.hint)
    return Finding(subject="pulumi cli", level="ok", message=f"v{found} at {path}")


def _place(home: Home) -> Iterator[Finding]:
    root = home.root
    if not os.access(root, os.W_OK):
        yield Finding(
            subject="home", level="missing", message=f"{root} is not writable", remedy="choose another with --home"
        )
        return
    yield Finding(subject="home", level="ok", message=str(root))
    free_mib = shutil.disk_usage(root).free >> 20
    if free_mib < _LOW_DISK_MIB:
        yield Finding(
            subject="disk",
            level="warning",
            message=f"{free_mib} MiB are free for states and run records",
            remedy="old runs under .cellctl/runs can go",
        )


def _accounts(home: Home) -> Iterator[Finding]:
    for name in ("sandbox", *home.settings.accounts):
        note = "simulated; nothing real is created" if name == "sandbox" else "real; needs the Pulumi CLI"
        yield Finding(subject="account", level="ok", message=f"{name}: {note}")


def _registry(home: Home) -> Iterator[Finding]:
    """Look whether changes can be recorded; cells run without a registry, changes wait for it."""
    if not home.settings.registry and not home.registry_file.exists():
        yield Finding(subject="registry", level="note", message="the first `up` makes it, in this home")
        return
    from cellctl.run.registering import opened

    try:
        with opened(home) as database:
            yield Finding(subject="registry", level="ok", message=database.where)
    except CellctlError as error:
        message = f"{error.summary}; cells keep running, changes wait for it"
        yield Finding(subject="registry", level="missing", message=message, remedy=error.hint)
        return
    yield from _gateways(home)


def _gateways(home: Home) -> Iterator[Finding]:
    """Look at what somebody must do about gateways: as they were when their gates were last tried."""
    from cellctl.gateway import gateways

    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    for view in (one.view for one in gateways(home)):
        ends = ends_soon(view.deprecated, today)
        if ends:
            remedy = f"cellctl gateway cordon {view.name}, and cellctl reef expand {view.reef} --gateways 1"
            yield Finding(subject=view.name, level="warning", message=f"its software's support {ends}", remedy=remedy)
        if view.state == "probing":
            remedy = f"cellctl gateway into-service {view.name}"
            yield Finding(subject=view.name, level="warning", message="waits to be brought into service", remedy=remedy)
        elif view.judged is not None and not view.judged.passed:
            message, remedy = f"{view.judged.shut[0].message}", f"cellctl gateway probe {view.name}"
            yield Finding(subject=view.name, level="warning", message=message, remedy=remedy)


def _cells(home: Home, environment: Mapping[str, str]) -> Iterator[Finding]:
    from cellctl.cell import cells
    from cellctl.run.options import RunOptions

    for cell in cells(home, options=RunOptions(environment=environment)):
        yield from _cell(cell)


def _cell(cell: CellStatus) -> Iterator[Finding]:
    again = f"cellctl up {cell.name}"
    for warning in cell.warnings:
        yield Finding(subject=cell.name, level="warning", message=warning, remedy=again)
    if cell.holder:
        yield Finding(subject=cell.name, level="note", message=f"is being changed by {cell.holder}")
    if cell.pending and not cell.holder:
        names = ", ".join(urn.rpartition("::")[2] for urn in cell.pending[:3])
        message = f"a run ended in the middle of {names}"
        yield Finding(subject=cell.name, level="warning", message=message, remedy=f"{again} looks them up and goes on")
    if cell.unprotected and not cell.holder:
        names = ", ".join(urn.rpartition("::")[2] for urn in cell.unprotected)
        message = f"without protection since a run ended early: {names}"
        yield Finding(subject=cell.name, level="warning", message=message, remedy=f"{again} puts it back")
