"""Writes docs/matrix.md from what `make explore` found of each combination (`build/matrix/`): `python report.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import on_aws
import on_azure
from walk import Combination

ROOT = Path(__file__).resolve().parents[2]
FOUND, PAGE = ROOT / "build" / "matrix", ROOT / "docs" / "matrix.md"
HEAD = """# What cells can be made of

Written by `tests/matrix/report.py` after `make explore`; do not edit. {walked} of {every} combinations were walked.

Each row is one cell, in the sandbox and stepped time: brought up while a service of its cloud is throttled and the
process is killed once its database is there; then, in one run that is killed as well, a node more, more storage, a
larger database host and another certificate; then taken away with its data, and with its reef where it has one. After
each step nothing is left to do, every node is active, and the registry agrees with the states. What is in the account
at the end is what was there before and what the outcomes name. `make test` walks one of the dedicated combinations of
a cloud each day; those on reefs are walked by tests/functional.
"""
CLOUDS = {
    "aws": (
        on_aws,
        "## AWS\n\nLoad balancers are throttled, and a cache grows by a disk. Linux nodes do not mount shares of a "
        "domain, so there is\nno such cell on a reef.\n",
    ),
    "azure": (
        on_azure,
        "## Azure\n\nThe network's service is throttled. The certificate is one of the team's own vault; cells with a "
        "queue\noffer gRPC too.\n",
    ),
}
COLUMNS = "\n| combination | calls to the cloud | of them struck | simulated hours | walked |\n|---|---|---|---|---|\n"


def main() -> None:
    """Write the page."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(FOUND.glob("*.json"))}
    if not found:
        return  # nothing was walked here: the page says what was found elsewhere
    every = sum(len(module.combinations()) for module, _ in CLOUDS.values())
    text = HEAD.format(walked=len(found), every=every)
    for cloud, (module, words) in CLOUDS.items():
        text += f"\n{words}{COLUMNS}" + "\n".join(rows(cloud, module.combinations(), module.PAIRS, found)) + "\n"
    PAGE.write_text(text)


def rows(
    cloud: str, every: list[Combination], pairs: tuple[Combination, ...], found: Mapping[str, Mapping[str, object]]
) -> Iterator[str]:
    """Yield a line for each combination."""
    for one in every:
        told, pair = found.get(f"{cloud}-{one.name}"), " (pair)" if one in pairs else ""
        if told is None:
            yield f"| {one.name}{pair} | – | – | – | not yet |"
            continue
        hours = f"{float(str(told['simulated_s'])) / 3600:.1f}"
        yield f"| {one.name}{pair} | {told['calls']} | {told['struck']} | {hours} | {told['date']} |"


if __name__ == "__main__":
    main()
