"""Crash points of whole cells: `python -m crashes.cells FOLDER --cloud aws|azure [--kills N] [--seed N]`.

One unharmed `up` says which moments its types pass. A walk strikes some of them one after the other in one home, each
`up` going on where the last one died; after each the judge looks at what was left (`judge.adrift`), and at the end at
what one unharmed `up` made of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from cellctl_provider.probes import Moment
from crashes import judge, warmth
from crashes.aim import Aim, Victim
from crashes.drive import Command, perform
from crashes.journal import append, settled, summarize
from crashes.passing import Past, moments, struck
from crashes.points import VICTIMS

REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
CELL = "acme"
IN_A_ROW = 32


def type_of(moment: Moment) -> str:
    """Return the type of the resource that a moment is about."""
    return moment.urn.split("::")[2].rpartition("$")[2] if moment.urn.count("::") >= 3 else ""


def census(folder: Path, command: Command, *, whole: bool) -> tuple[list[Moment], float]:
    """Bring a cell up unharmed; return the first moment of each type at each place, in its order, and the seconds.

    What lies after a record is in place is before the next call. `whole`: what many runs need is loaded first.
    """
    home, log = folder / "census", folder / "census.log"
    home.mkdir(parents=True)
    began = time.monotonic()
    ended = warmth.rehearse(home, command, log, whole=whole)
    took_s = time.monotonic() - began
    found = judge.faults(home, command, ended, data=False)
    assert not found, found
    seen: dict[tuple[str, str], Moment] = {}
    for moment in moments(log):
        if moment.place != "saved" and type_of(moment) and not type_of(moment).startswith("pulumi:pulumi"):
            seen.setdefault((type_of(moment), moment.place), moment)
    return list(seen.values()), took_s


def turn(moments: list[Moment], seed: int, kills: int) -> list[Moment]:
    """Return the moments of a seed, at most so many and far from each other; as many seeds in a row bring them all."""
    step = max(1, -(-len(moments) // kills))
    return moments[seed % step :: step]


def key_of(cloud: str, moment: Moment) -> str:
    return f"{cloud}/{moment.place}/{moment.operation}/{type_of(moment)}/{moment.urn.rpartition('::')[2]}"


@dataclass(frozen=True)
class Walk:
    """Strikes one after the other in `home`; each is a line of the journal: whom it hit, and what the judge found.

    What is struck reads nothing before its preview: no point lies there. The run that ends a walk does.
    """

    home: Path
    command: Command
    victim: Victim

    def lines(self, moments: list[Moment], until: float) -> list[dict[str, object]]:
        """Strike until it is late, but once at least."""
        self.home.mkdir()
        unread = replace(self.command, refresh="none")
        told, past, outlived = [], Past(), self.victim == "host"
        for number, moment in enumerate(moments):
            if told and time.monotonic() >= until:
                break
            if moment in past:
                continue  # made by a run before, while others were at work too
            log = self.home.with_name(f"{self.home.name}-{number}.log")
            perform(self.home, unread, log, Aim(moment, 1, self.victim), apart=outlived)
            past.take(log)
            met = struck(log)
            if not met:
                break
            key, found = key_of(self.command.cloud, moment), judge.adrift(self.home, self.command, outlived=outlived)
            told.append({"key": key, "victim": self.victim, "hit": True, "alone": met == "nobody", "faults": found})
        last = self._ended(self.home)
        return [{**line, "faults": [*line["faults"], *last]} for line in told]  # type: ignore[misc]

    def _ended(self, home: Path) -> list[str]:
        ended = perform(home, self.command, home.with_name(f"{home.name}-last.log"))
        return judge.faults(home, self.command, ended, data=False)


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
    command = Command(verb="up", cell=CELL, cloud=given.cloud, region=REGIONS[given.cloud])
    place = given.folder / f"{given.cloud}-homes"
    points, took_s = census(place, command, whole=not given.kills)
    until -= took_s * 1.5  # a strike and the run that ends a walk take no longer together
    finished = settled(journal)
    left = [moment for moment in points if key_of(given.cloud, moment) not in finished]
    chosen = set(turn(left, given.seed, given.kills or len(left)))
    keys = {key_of(given.cloud, moment) for moment in points}
    summarize(journal, {"seed": given.seed}, keys)
    queue, rounds = [moment for moment in left if moment in chosen], 0
    while queue and (not rounds or time.monotonic() < until) and rounds < len(points):
        victim = VICTIMS[(rounds + given.seed) % len(VICTIMS)]
        batch = queue[:: max(1, len(queue) // IN_A_ROW)][:IN_A_ROW]
        lines = Walk(place / f"walk-{rounds}", command, victim).lines(batch, until)
        for line in lines:
            append(journal, line)
        hits = {line["key"] for line in lines}
        queue = [moment for moment in queue if key_of(given.cloud, moment) not in hits]
        shutil.rmtree(place / f"walk-{rounds}")
        rounds += 1
    summarize(journal, {"seed": given.seed}, keys)
    told = {"seed": given.seed, "points": len(points), "kills": len(chosen), "left": len(queue), "rounds": rounds}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
