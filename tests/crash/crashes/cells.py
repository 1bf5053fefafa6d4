"""Crash points of whole cells: `python -m crashes.cells FOLDER --cloud aws|azure [--kills N] [--seed N]`.

One unharmed `up` says which moments its types pass. A walk strikes some of them one after the other in one home, each
`up` going on where the last one died, and ends with one unharmed `up` that the judge looks at.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

from cellctl import clouds
from cellctl.engine.workspace import Workspaces, file_backend, stack_name
from cellctl.spec import CellSpec
from cellctl_provider.probes import Moment
from crashes import judge, warmth
from crashes.aim import Aim
from crashes.drive import Command, perform
from crashes.explore import append, done

REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
ACCOUNTS = {"aws": "000000000000", "azure": "00000000-0000-4000-8000-000000000000"}
TENANT = "00000000-0000-4000-8000-0000000000ff"
CELL = "acme"
PLACES = ("before_call", "before_change", "after_change", "after_call", "saving")


def type_of(moment: Moment) -> str:
    """Return the type of the resource that a moment is about."""
    return moment.urn.split("::")[2].rpartition("$")[2] if moment.urn.count("::") >= 3 else ""


def census(folder: Path, command: Command) -> list[Moment]:
    """Bring a cell up unharmed; return the first moment of each type at each place, in the order of the run."""
    home, log = folder / "census", folder / "census.log"
    home.mkdir(parents=True)
    ended = perform(home, command, log)
    assert ended.result == "succeeded", ended
    found = judge.faults(home, command, ended, data=False)
    assert not found, found
    seen: dict[tuple[str, str], Moment] = {}
    for line in log.read_text().splitlines():
        place, operation, urn, part = line.split("|")
        moment = Moment(place=place, operation=operation, urn=urn, part=part)  # type: ignore[arg-type]
        if type_of(moment) and not type_of(moment).startswith("pulumi:pulumi"):
            seen.setdefault((type_of(moment), place), moment)
    return list(seen.values())


def key_of(cloud: str, moment: Moment) -> str:
    return f"{cloud}/{moment.place}/{moment.operation}/{type_of(moment)}/{moment.urn.rpartition('::')[2]}"


def walked(folder: Path, command: Command, moments: list[Moment], victim: str) -> tuple[list[str], list[str]]:
    """Strike moments one after the other; return those that were hit, and what the judge found in the end."""
    home, hits = folder, []
    home.mkdir()
    for number, moment in enumerate(moments):
        if moment.urn in _known(home):
            continue  # made by a run before, while others were at work too
        log = folder / f"struck-{number}.log"
        perform(home, command, log, Aim(moment, 1, victim), apart=victim != "operation")  # type: ignore[arg-type]
        if log.exists() and "struck" in log.read_text():
            hits.append(key_of(command.cloud, moment))
    ended = perform(home, command, folder / "last.log")
    return hits, judge.faults(home, command, ended, data=False)


def _known(home: Path) -> set[str]:
    files = file_backend(Workspaces(home).local)
    if files is None or not files.exists(stack_name(CELL)):
        return set()
    return {row.urn for row in files.read(stack_name(CELL)).checkpoint.resources}


def main() -> None:
    """Explore; the last line on standard output is a summary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cloud", choices=sorted(REGIONS), required=True)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--journal", type=Path)
    given = parser.parse_args()
    until = time.monotonic() + given.seconds
    journal = given.journal or given.folder / "journal.jsonl"
    cloud, facts = clouds.load(given.cloud), clouds.AccountFacts(id=ACCOUNTS[given.cloud], tenant=TENANT, sandbox=True)
    layout = cloud.layout(CellSpec.minimal(CELL, cloud=given.cloud, region=REGIONS[given.cloud]))
    warmth.load(given.folder / f"{given.cloud}-warm", CELL, given.cloud, lambda: cloud.program(layout, facts))
    command = Command(verb="up", cell=CELL, cloud=given.cloud, region=REGIONS[given.cloud])
    place = given.folder / f"{given.cloud}-homes"
    points = census(place, command)
    finished = {str(line["key"]) for line in done(journal) if not line["faults"] and line["hit"]}
    left = [moment for moment in points if key_of(given.cloud, moment) not in finished]
    chosen = set(random.Random(given.seed).sample(left, min(given.kills or len(left), len(left))))
    queue, rounds = [moment for moment in left if moment in chosen], 0
    while queue and time.monotonic() < until and rounds < len(points):
        victim = ("operation", "host", "group")[(rounds + given.seed) % 3]
        batch = queue[:: max(1, len(queue) // 4)][:4]
        hits, faults = walked(place / f"walk-{rounds}", command, batch, victim)
        for moment in batch:
            key = key_of(given.cloud, moment)
            if key in hits:
                append(journal, {"key": key, "victim": victim, "hit": True, "faults": faults})
        queue = [moment for moment in queue if key_of(given.cloud, moment) not in hits]
        rounds += 1
    told = {"seed": given.seed, "points": len(points), "kills": len(chosen), "left": len(queue), "rounds": rounds}
    journal.with_suffix(f".{given.cloud}.summary.json").write_text(json.dumps(told))
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
