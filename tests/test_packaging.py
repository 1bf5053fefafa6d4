"""The wheel: five import roots and nothing else, typed, with its data files, entry points that resolve."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOTS = {"cellctl", "cellctl_components", "cellctl_stacks", "cellctl_provider", "cellctl_sandbox"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_five_roots_only(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == ROOTS


def test_every_root_is_typed(names: list[str]) -> None:
    assert {f"{root}/py.typed" for root in ROOTS} <= set(names)


def test_data_files_are_shipped(names: list[str]) -> None:
    for folder in ("cellctl/facts/aws/", "cellctl/facts/azure/", "cellctl/facts/placement/", "cellctl_sandbox/clouds/"):
        assert any(name.startswith(folder) and name.endswith(".toml") for name in names), folder


def test_every_migration_is_shipped(names: list[str]) -> None:
    from cellctl.registry.migrating import MIGRATIONS

    for file in (MIGRATIONS / "env.py", *MIGRATIONS.glob("versions/*.py")):
        assert f"cellctl/registry/migrations/{file.relative_to(MIGRATIONS)}" in names


@pytest.mark.parametrize("group", ["cellctl.engines", "cellctl.sandboxes", "pytest11"])
def test_entry_points_resolve(group: str) -> None:
    found = [point for point in entry_points(group=group) if point.value.startswith("cellctl")]
    assert found
    assert all(callable(point.load()) or group == "pytest11" for point in found)


def test_the_launcher_is_not_shipped(names: list[str]) -> None:
    assert "cli.py" not in names
