"""Both placements, kinds of nodes, ways of polling and of files or web, on both clouds: up, changed, struck and gone.

Of each cloud one of the combinations that cover all pairs is walked every second day; `make explore` walks every one,
and writes docs/matrix.md.
"""

from __future__ import annotations

import datetime
import itertools
import json
import sys
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

import on_aws  # noqa: E402
import on_azure  # noqa: E402
from walk import Combination, Walk  # noqa: E402

FOUND = FOLDER.parents[1] / "build" / "matrix"
EVERY = [
    *((on_aws.AwsWalk, one) for one in on_aws.combinations()),
    *((on_azure.AzureWalk, one) for one in on_azure.combinations()),
]


def today(pairs: tuple[Combination, ...]) -> Combination:
    """Return which dedicated combination is walked today: those on reefs are walked by tests/functional."""
    daily = [one for one in pairs if one.placement == "dedicated"]
    return daily[datetime.datetime.now(datetime.UTC).toordinal() // 2 % len(daily)]


@pytest.mark.parametrize(("cloud", "count"), [(on_aws, 14), (on_azure, 16)], ids=["aws", "azure"])
def test_the_pairs_are_all_that_can_go_together(cloud, count: int) -> None:
    def pairs(some: list[Combination]) -> set[tuple[tuple[int, str], tuple[int, str]]]:
        return {pair for one in some for pair in itertools.combinations(enumerate(one.words), 2)}

    assert pairs([*cloud.PAIRS]) == pairs(cloud.combinations())
    assert len(cloud.combinations()) == count


@pytest.mark.turn(2, 0)
def test_a_combination_of_today_on_aws_comes_up_changes_and_goes(tmp_path: Path) -> None:
    on_aws.AwsWalk(tmp_path, today(on_aws.PAIRS)).run()


@pytest.mark.turn(2, 1)
def test_a_combination_of_today_on_azure_comes_up_changes_and_goes(tmp_path: Path) -> None:
    on_azure.AzureWalk(tmp_path, today(on_azure.PAIRS)).run()


@pytest.mark.explore
@pytest.mark.parametrize(("walk", "one"), EVERY, ids=[f"{walk.cloud}-{one.name}" for walk, one in EVERY])
def test_every_combination_comes_up_changes_and_goes(walk: type[Walk], one: Combination, tmp_path: Path) -> None:
    began, walked = time.monotonic(), walk(tmp_path, one)
    walked.run()
    FOUND.mkdir(parents=True, exist_ok=True)
    rows = [row for row in walked.control.calls() if row["package"] == walk.package]
    told = {
        "combination": one.name, "calls": len(rows), "simulated_s": walked.control.now(),
        "wall_s": time.monotonic() - began, "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "struck": sum(str(row["outcome"]) != "ok" for row in rows),
    }  # fmt: skip
    (FOUND / f"{walk.cloud}-{one.name}.json").write_text(json.dumps(told))
