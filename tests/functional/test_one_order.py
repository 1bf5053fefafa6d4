"""A whole cell comes up in one order: two runs of one seed tell the same events, sixteen calls at a time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prepared import home as homes
from warm import keys

CLOUDS = ("aws", "azure")
TODAY = CLOUDS[int(time.time() // 86400) % 2]
NEW_EACH_TIME = re.compile(
    r"-----BEGIN CERTIFICATE.*?END CERTIFICATE-----|(?<=ingerprint\":\")[0-9a-f]+"
    r"|(?<=timestamp\":)\d+|(?<=durationSeconds\":)\d+"
)
"""Wall time, and what follows from keys: those are secrets, and so never drawn from a seed."""


def _told(home: Path) -> list[str]:
    """Return the events of a home's only run."""
    [run] = (home / ".cellctl" / "runs").iterdir()
    return [NEW_EACH_TIME.sub("0", line) for line in (run / "events.ndjson").read_text().splitlines()]


@pytest.mark.parametrize(
    "cloud", [pytest.param(name, marks=[] if name == TODAY else pytest.mark.explore) for name in CLOUDS]
)
def test_two_cells_of_one_seed_tell_the_same_events(
    cloud: str, tmp_path: Path, running_home: Callable[[str, Path], homes.RunningHome]
) -> None:
    first = running_home(cloud, tmp_path / "first").root
    (tmp_path / "second").mkdir()
    keys.give(tmp_path / "second")
    second = homes.RunningHome(tmp_path / "second", cloud)
    second.write(homes.LICENCES[cloud])
    second.control.put_secret(homes.LICENCES[cloud], homes.licence(4))
    assert second.up().result == "succeeded"
    told = _told(first)
    assert told == _told(second.root)
    begun = [json.loads(line) for line in told if "resourcePreEvent" in line]
    assert len(begun) > 150
