"""The plugins of the real CLI in a home: exact versions, because which one runs decides what a plan does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from cellctl.doctor.findings import Finding
from cellctl.engine.hosts import place_plugins
from cellctl.engine.workspace import Workspaces
from cellctl.errors import CellctlError

if TYPE_CHECKING:
    from cellctl.home import Account, Home

SDKS = {"aws": ("aws", "pulumi-aws"), "azure": ("azure-native", "pulumi-azure-native")}
"""By cloud: the plugin's name, and the SDK whose version it must have."""
_LISTING_S, _INSTALLING_S = 60.0, 900.0


def plugins(home: Home, account: Account, *, environment: Mapping[str, str], install: bool) -> Iterator[Finding]:
    """Yield whether the plugins that a run in this account needs are there, after putting them there if asked."""
    from cellctl.engine.pulumi_cli import PulumiCli

    space = Workspaces(home.root)
    settings = {**space.environment(space.local), "PATH": environment.get("PATH", "")}
    try:
        cli = PulumiCli.find(settings)
    except CellctlError as error:
        yield Finding(subject="pulumi cli", level="missing", message=error.summary, remedy=error.hint)
        return
    yield Finding(subject="pulumi cli", level="ok", message=f"v{cli.version} at {cli.command}")
    if install:
        place_plugins(space.pulumi_home)
    name, package = SDKS[account.cloud]
    try:
        wanted = version(package)
    except PackageNotFoundError:
        remedy = f"pip install 'cellctl[{account.cloud}]'"
        yield Finding(subject=name, level="missing", message=f"{package} is not installed", remedy=remedy)
        return
    again = f"cellctl doctor --account {account.name} --install"
    there = _listed(cli.command, settings)
    if install and (name, wanted) not in there:
        yield from _fetched(cli.command, settings, name, wanted)
        there = _listed(cli.command, settings)
    for each, exact in ((name, wanted), ("cellctl", version("cellctl"))):
        has = (each, exact) in there
        message = f"plugin {each} {exact} is {'there' if has else 'not in this home'}"
        yield Finding(subject="plugin", level="ok" if has else "missing", message=message, remedy="" if has else again)


def _listed(command: str, environment: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return name and version of each resource plugin in PULUMI_HOME; none where the CLI cannot say."""
    try:
        said = subprocess.run(
            [command, "plugin", "ls", "--json"], env=dict(environment), capture_output=True, text=True, check=True,
            timeout=_LISTING_S,
        ).stdout  # fmt: skip
        rows = json.loads(said)
    except (OSError, subprocess.SubprocessError, ValueError):
        return set()
    return {(str(row.get("name")), str(row.get("version"))) for row in rows if row.get("kind") == "resource"}


def _fetched(command: str, environment: Mapping[str, str], name: str, wanted: str) -> Iterator[Finding]:
    """Let the CLI download one plugin; yield what went wrong."""
    words = [command, "plugin", "install", "resource", name, wanted, "--exact", "--non-interactive"]
    try:
        done = subprocess.run(
            words, env=dict(environment), capture_output=True, text=True, check=False, timeout=_INSTALLING_S
        )
        said = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
    except (OSError, subprocess.SubprocessError) as error:
        said = type(error).__name__
    if said:
        yield Finding(
            subject="plugin",
            level="missing",
            message=f"{name} {wanted} could not be installed: {said[:200]}",
            remedy="is this machine allowed to download it?",
        )
