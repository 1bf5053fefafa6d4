"""Both placements, protocols, kinds of nodes and ways of polling on AWS: up, changed, struck and gone (docs/matrix.md).

One of the combinations that cover all pairs is walked each day; `make explore` walks every one.
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

from walk import PAIRS, Combination, Walk, combinations  # noqa: E402

DAILY = [one for one in PAIRS if one.placement == "dedicated"]  # test_domain_reef and test_reefs walk reefs
FOUND = FOLDER.parents[1] / "build" / "matrix"


def test_the_pairs_are_all_that_can_go_together() -> None:
    def pairs(some: list[Combination]) -> set[tuple[tuple[int, str], tuple[int, str]]]:
        words = [enumerate((one.placement, one.protocol, one.os, one.polling)) for one in some]
        return {pair for one in words for pair in itertools.combinations(one, 2)}

    assert pairs([*PAIRS]) == pairs(combinations())
    assert len(combinations()) == 14


@pytest.mark.turn(2, 0)
def test_a_combination_of_today_comes_up_changes_and_goes(tmp_path: Path) -> None:
    Walk(tmp_path, DAILY[datetime.datetime.now(datetime.UTC).toordinal() // 2 % len(DAILY)]).run()


@pytest.mark.explore
@pytest.mark.parametrize("combination", combinations(), ids=lambda one: one.name)
def test_every_combination_comes_up_changes_and_goes(combination: Combination, tmp_path: Path) -> None:
    began, walk = time.monotonic(), Walk(tmp_path, combination)
    walk.run()
    FOUND.mkdir(parents=True, exist_ok=True)
    rows = [row for row in walk.control.calls() if row["package"] == "aws"]
    told = {
        "combination": combination.name, "calls": len(rows), "simulated_s": walk.control.now(),
        "wall_s": time.monotonic() - began, "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "struck": sum(str(row["outcome"]) != "ok" for row in rows),
    }  # fmt: skip
    (FOUND / f"{combination.name}.json").write_text(json.dumps(told))
