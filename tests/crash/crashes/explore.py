"""Explore crash points: `python -m crashes.explore FOLDER [--saved] [--inner] [--seed N] [--walkers N] …`.

The points come from the run itself: each command runs once unharmed and says what it passes. Then each point is struck:
the same home, the same command, a SIGKILL there; the same command again; and the judge looks. One JSON line for each.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cellctl_provider.probes import Moment
from cellctl_sandbox.engine.urns import ROOT_TYPE
from crashes import judge, passing, witness
from crashes.drive import go_on, plans
from crashes.journal import append, settled, summarize
from crashes.passing import moments
from crashes.points import COMMANDS, VICTIMS, Point, chains, chosen, command
from crashes.templates import Templates
from crashes.walking import walk

T = TypeVar("T")


@dataclass(frozen=True)
class Census:
    """The moments that an unharmed run passes, each with its number, and the plan that it made.

    At those that are `idle` no provider's process lives.
    """

    points: list[tuple[Moment, int]]
    idle: set[tuple[Moment, int]]
    plan: object


def census(templates: Templates, name: str, *, inner: bool, saved: bool) -> Census:
    """Run a command unharmed: its own part in this process, providers in theirs.

    The moments are those of engine and providers; `inner` ones are the calls that provider `cellctl` makes in a step,
    `saved` ones those after a record of a step's end is in place: what follows is the moment before the next call.
    """
    home = templates.home(COMMANDS[name][0], templates.folder / f"census-{name}")
    log = templates.folder / f"census-{name}.log"
    log.unlink(missing_ok=True)
    with plans() as made:
        ended = go_on(home, command(name), log, apart=True)
    assert ended.result == "succeeded", (name, ended)
    found = judge.faults(home, command(name), ended, data=name != "up")
    assert not found, (name, found)
    held = [row.name for row in judge.state_of(home).resources if row.type != ROOT_TYPE]
    assert len(held) <= witness.MOST, (name, held)
    seen: Counter[Moment] = Counter()
    points, quiet, unattended = [], set(), passing.idle(log)
    for number, moment in enumerate(moments(log)):
        seen[moment] += 1
        if number in unattended:
            quiet.add((moment, seen[moment]))
        if moment.place == "saved" and (moment.operation == "begin" or not saved):
            continue  # nothing lies between the beginning of a step and "before_call", which is struck
        if inner == moment.urn.startswith("service:"):
            points.append((moment, seen[moment]))
    return Census(points, quiet, made[0] if made else None)


def counted(templates: Templates, names: list[str], *, inner: bool, saved: bool) -> dict[str, Census]:
    """Return the censuses of some commands in their order; two commands run at a time."""
    found: dict[str, Census] = {}
    for batch in (names[start : start + 2] for start in range(0, len(names), 2)):
        answers = [
            (name, _answering(lambda name=name: census(templates, name, inner=inner, saved=saved))) for name in batch
        ]
        found |= {name: answer() for name, answer in answers}
    return found


def _answering(work: Callable[[], T]) -> Callable[[], T]:
    """Begin `work` in a fork; return what waits for its result."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(read)
            with os.fdopen(write, "wb") as answer:
                pickle.dump(work(), answer)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write)

    def answer() -> T:
        with os.fdopen(read, "rb") as given:
            text = given.read()
        os.waitpid(pid, 0)
        assert text, "a census failed"
        found: T = pickle.loads(text)
        return found

    return answer


def note_idle(kills: list[Point], censuses: Mapping[str, Census], journal: Path) -> None:
    """Note where no provider's process lived in the unharmed run: there is none to be killed."""
    for point in kills:
        if point.victim == "host" and (point.moment, point.nth) in censuses[point.command].idle:
            append(journal, {"key": point.key, "hit": True, "alone": True, "faults": []})


def main() -> None:
    """Explore; the last line on standard output is a summary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--saved", action="store_true")
    parser.add_argument("--inner", action="store_true", help="each with one victim, another one with every seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--walkers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--only", default="")
    parser.add_argument("--chain", type=int, default=36, help="kills before an unharmed run")
    parser.add_argument("--journal", type=Path)
    given = parser.parse_args()
    began = time.monotonic()
    journal = given.journal or given.folder / "journal.jsonl"
    templates = Templates(given.folder / "homes")
    names = given.only.split(",") if given.only else list(COMMANDS)
    censuses = counted(templates, names, inner=given.inner, saved=given.saved)
    made = {name: found.plan for name, found in censuses.items()}
    points = [(name, *point) for name, found in censuses.items() for point in found.points]
    every = [Point(*point, who) for who in VICTIMS for point in points]
    kills = chosen(points, given.seed) if given.inner else every
    known = settled(journal)
    note_idle([point for point in kills if point.key not in known], censuses, journal)
    known = settled(journal)
    assert threading.active_count() == 1, "a process with threads must not fork"
    told = {"seed": given.seed, "points": len(points), "kills": len(kills), "known": len(known)}
    summarize(journal, told, {point.key for point in kills})
    apart = ("host",)  # where all die at once it makes no difference
    left = [point for point in kills if point.key not in known]
    if left:
        work = chains(left, given.chain)
        random.Random(given.seed).shuffle(work)
        walk(templates, work, journal, walkers=given.walkers, until=began + given.seconds, apart=apart, plans=made)
    summarize(journal, told, {point.key for point in kills})
    sys.stdout.write(json.dumps({**told, "wall_s": round(time.monotonic() - began, 1)}) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
