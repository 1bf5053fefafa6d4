"""Writes docs/matrix.md from what `make explore` found of each combination (`build/matrix/`): `python report.py`."""

from __future__ import annotations

import json
from pathlib import Path

from walk import PAIRS, combinations

ROOT = Path(__file__).resolve().parents[2]
FOUND, PAGE = ROOT / "build" / "matrix", ROOT / "docs" / "matrix.md"
HEAD = """# What AWS cells can be made of

Written by `tests/matrix/report.py` after `make explore`; do not edit. {walked} of {every} combinations were walked.

Each row is one cell, in the sandbox and stepped time: brought up while the load balancers' service is throttled and the
process is killed once its database is there; then, in one run that is killed as well, a node more, more storage with a
disk more of cache, a larger database host and another certificate; then taken away with its data, and with its reef
where it has one. After each step nothing is left to do, every node is active, and the registry agrees with the states.
What is in the account at the end is what was there before and what the outcomes name. `make test` walks one of the
dedicated combinations each day; those on reefs are walked by tests/functional.

Linux nodes do not mount shares of a domain, so there is no such cell on a reef.

| combination | calls to the cloud | of them struck | simulated hours | walked |
|---|---|---|---|---|
"""


def main() -> None:
    """Write the page."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(FOUND.glob("*.json"))}
    if not found:
        return  # nothing was walked here: the page says what was found elsewhere
    rows = []
    for one in combinations():
        told, pair = found.get(one.name), " (pair)" if one in PAIRS else ""
        if told is None:
            rows.append(f"| {one.name}{pair} | – | – | – | not yet |")
            continue
        hours = f"{told['simulated_s'] / 3600:.1f}"
        rows.append(f"| {one.name}{pair} | {told['calls']} | {told['struck']} | {hours} | {told['date']} |")
    PAGE.write_text(HEAD.format(walked=len(found), every=len(combinations())) + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
