"""Cells that run, for tests of what comes after the first `up`: one `up` for each cloud and test run, then copies."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

from prepared import home as homes  # noqa: E402
from real_cli import Site, opened  # noqa: E402
from warm import keys  # noqa: E402


@pytest.fixture(scope="session")
def running_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], homes.RunningHome]:
    """Return what gives a copy of the home in which `acme` runs under a licence for four nodes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def copied(cloud: str, target: Path) -> homes.RunningHome:
        kept = shared / f"running-{cloud}"
        with (shared / f"running-{cloud}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # workers share one
            if not kept.exists():
                _bring_up(cloud, kept)
        shutil.copytree(kept, target, dirs_exist_ok=True)
        return homes.RunningHome(target, cloud)

    return copied


def _bring_up(cloud: str, kept: Path) -> None:
    building = kept.with_suffix(".new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    keys.give(building)
    made = homes.RunningHome(building, cloud)
    made.write(homes.LICENCES[cloud])
    made.control.put_secret(homes.LICENCES[cloud], homes.licence(4))
    ended = made.up()
    assert ended.result == "succeeded", ended.failures
    building.rename(kept)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return one home with both engines over the same state, for tests with the real Pulumi CLI."""
    with opened(tmp_path) as site:
        yield site
