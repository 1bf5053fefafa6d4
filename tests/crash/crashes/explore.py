"""Explore crash points: `python -m crashes.explore FOLDER [--saved] [--inner] [--one-victim] [--seed N] …`.

The points come from the run itself: each command runs once unharmed and says what it passes. Then each point is struck:
the same home, the same command, a SIGKILL there; the same command again; and the judge looks. One JSON line for each.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import shutil
import sqlite3
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import yaml

from cellctl.run.preview import Looked
from cellctl.state.sealing import PassphraseSealer
from cellctl_provider.probes import Moment
from cellctl_sandbox.engine.urns import ROOT_TYPE
from crashes import judge, landscape, passing, warmth, witness
from crashes.aim import Aim, Victim
from crashes.drive import Command, Ended, go_on, perform, planned, plans
from crashes.landscape import REGION
from crashes.passing import Past, moments

COMMANDS = {
    "up": ("empty", "up", "base"),
    "update": ("made", "up", "update"),
    "replace": ("made", "up", "replace"),
    "refresh": ("drifted", "refresh", "update"),
    "down": ("updated", "down", "update"),
}
VICTIMS: tuple[Victim, ...] = ("operation", "host", "group")
T = TypeVar("T")


@dataclass(frozen=True)
class Point:
    """One kill: in which command, at which moment for the how-many-eth time, and who."""

    command: str
    moment: Moment
    nth: int
    victim: Victim

    @property
    def key(self) -> str:
        moment = self.moment
        name = moment.urn.rpartition("::")[2] or moment.urn
        return f"{self.command}/{moment.place}/{moment.operation}/{name}/{moment.part}/{self.nth}/{self.victim}"


def command(name: str) -> Command:
    """Return a command on the witness."""
    _, verb, variation = COMMANDS[name]
    return Command(verb=verb, cell=landscape.CELL, cloud="aws", region=REGION, variation=variation)


class Templates:
    """Homes to begin from: `empty`, `made` (up, with data), `updated`, `drifted` (and one that somebody edited)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        empty, made, updated, drifted = (folder / name for name in ("empty", "made", "updated", "drifted"))
        empty.mkdir(parents=True)
        _in_child(lambda: (empty / "landscape.json").write_text(json.dumps(landscape.build_landscape(empty))))
        land = json.loads((empty / "landscape.json").read_text())
        shutil.copytree(empty, made)
        warmth.rehearse(made, command("up"), folder / "making.log")
        _share_key(made, empty)
        _in_child(lambda: witness.write_data(made, land))
        shutil.copytree(made, updated)
        _in_child(lambda: _update(updated))
        shutil.copytree(updated, drifted)
        _in_child(lambda: _drift(drifted))
        for home in (empty, made, updated, drifted):
            _put_together(home)
        warmth.freeze()

    def home(self, name: str, target: Path) -> Path:
        """Return a fresh copy of a template."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder / name, target)
        return target

    def walker(self, number: int) -> Path:
        """Return where a walker has its home."""
        return self.folder / f"walker-{number}"

    def rehearse(self, number: int) -> None:
        """Compile, in a walker, the statements of the registry of its home: its forks inherit them."""
        place = self.walker(number)
        warmth.run_here(self.home("empty", place), command("up"), place.with_suffix(".log"))
        warmth.freeze()


def _put_together(home: Path) -> None:
    """Write the log of a home's sandbox into its file: who opens a copy need not go through it."""
    with closing(sqlite3.connect(home / ".cellctl" / "sandbox.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _share_key(made: Path, empty: Path) -> None:
    """Give the empty home the key and salt of the other, and derive them here: every fork inherits the result."""
    private, stack = made / ".cellctl" / "pulumi", f"cell-{landscape.CELL}"
    key = (private / "key").read_text()
    salt = str(yaml.safe_load((private / stack / f"Pulumi.{stack}.yaml").read_text())["encryptionsalt"])
    target = empty / ".cellctl" / "pulumi"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in (("key", key), ("salt", salt)):
        (target / name).write_text(text)
    PassphraseSealer(key, salt)


def _in_child(work: object) -> None:
    assert callable(work)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert status == 0, "a preparation failed"


def _update(home: Path) -> None:
    ended = go_on(home, command("update"), home.with_suffix(".log"))
    assert ended.result == "succeeded", ended


def _drift(home: Path) -> None:
    from cellctl_sandbox.control import open_control

    share = judge.state_of(home).find(witness.SHARE)
    assert share is not None
    open_control(home).edit(share.id, "tags.owner", "somebody")


@dataclass(frozen=True)
class Census:
    """The moments that an unharmed run passes, each with its number, and the plan that it made."""

    points: list[tuple[Moment, int]]
    looked: Looked | None


def census(templates: Templates, name: str, *, inner: bool, saved: bool) -> Census:
    """Run a command unharmed, in this process.

    The moments are those of engine and providers; `inner` ones are the calls that provider `cellctl` makes in a step,
    `saved` ones those after a record of a step's end is in place: what follows is the moment before the next call.
    """
    home = templates.home(COMMANDS[name][0], templates.folder / f"census-{name}")
    log = templates.folder / f"census-{name}.log"
    log.unlink(missing_ok=True)
    with plans() as made:
        ended = go_on(home, command(name), log)
    assert ended.result == "succeeded", (name, ended)
    found = judge.faults(home, command(name), ended, data=name != "up")
    assert not found, (name, found)
    held = [row.name for row in judge.state_of(home).resources if row.type != ROOT_TYPE]
    assert len(held) <= witness.MOST, (name, held)
    seen: Counter[Moment] = Counter()
    points = []
    for moment in moments(log):
        seen[moment] += 1
        if moment.place == "saved" and (moment.operation == "begin" or not saved):
            continue  # nothing lies between the beginning of a step and "before_call", which is struck
        if inner == moment.urn.startswith("service:"):
            points.append((moment, seen[moment]))
    return Census(points, made[0] if made else None)


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


def chosen(points: list[tuple[str, Moment, int]], seed: int) -> list[Point]:
    """Return every point with one victim, which differs from point to point and by seed."""
    return [Point(*point, VICTIMS[(index + seed) % len(VICTIMS)]) for index, point in enumerate(points)]


def strike(
    templates: Templates, chain: list[Point], place: Path, apart: Collection[Victim], looked: Looked | None
) -> list[dict[str, object]]:
    """Strike the points of a chain: each run of the same command is killed at the next point, the last one at none.

    `apart` are the victims for whom providers have processes of their own. Where the command's process lives on, it
    goes on with the next run, as a service does; the last run is always in a fresh one. What is struck in a chain reads
    nothing and has the plan `looked`: no point lies before a change, and the last run reads and plans. After each kill
    the judge looks for what nobody knows of; what it found in the end is of the whole chain.

    A point of a step that is done already is passed over. Returns a line for each other one, up to the first that no
    run passed (what another kill left open is looked up, not done again): that run was the last, the point is not hit.
    """
    asked = command(chain[0].command)
    home = templates.home(COMMANDS[chain[0].command][0], place)
    log = place.with_suffix(".log")
    struck = replace(asked, refresh="none")
    lines: list[dict[str, object]] = []
    past = Past()
    for point in chain:
        if point.moment in past:
            continue
        log.unlink(missing_ok=True)
        run = perform if point.victim == "group" else go_on
        with planned(looked):
            again = run(home, struck, log, Aim(point.moment, point.nth, point.victim), apart=point.victim in apart)
        met = passing.struck(log)
        past.take(log)
        lines.append(_line(point, again, met, _adrift(home, asked, point) if met else []))
        if not met:
            break
    else:
        again = perform(home, asked, log)
    found = judge.faults(home, asked, again, data=chain[0].command != "up")
    for line in lines:
        line["faults"] = [*found, *line["faults"]]  # type: ignore[misc]
        if found:
            line["again"] = asdict(again)
    return lines


def _adrift(home: Path, asked: Command, point: Point) -> list[str]:
    return judge.adrift(home, asked, outlived=point.victim == "host")


def _line(point: Point, ended: Ended, met: str, adrift: list[str]) -> dict[str, object]:
    raised = [f"the struck run raised: {ended.text}"] if ended.result == "crashed" else []
    told = {
        "key": point.key,
        "hit": bool(met),
        "alone": met == "nobody",
        "first": [ended.result, ended.code or ended.text[:200]],
    }
    return {**told, "cpu_s": round(ended.cpu_s, 2), "faults": [*raised, *adrift]}


def chains(kills: list[Point], length: int) -> list[list[Point]]:
    """Return chains of points of one command and victim each, far from each other and in the order of the run.

    Only the first time that a moment comes is linked: how often it comes again depends on what was done before.
    """
    found: list[list[Point]] = []
    for name, victim in dict.fromkeys((point.command, point.victim) for point in kills):
        mine = [point for point in kills if (point.command, point.victim, point.nth) == (name, victim, 1)]
        count = -(-len(mine) // length)
        found += [mine[number::count] for number in range(count)]
    return [*found, *([point] for point in kills if point.nth > 1)]


def walk(
    templates: Templates,
    work: list[list[Point]],
    journal: Path,
    *,
    walkers: int,
    until: float,
    apart: Collection[Victim],
    looked: Mapping[str, Looked | None],
) -> None:
    """Strike chains, `walkers` at a time, until it is late; each result is a line of the journal at once."""
    pids = []
    for number in range(walkers):
        pid = os.fork()
        if pid:
            pids.append(pid)
            continue
        code, place = 1, templates.walker(number)
        try:
            templates.rehearse(number)
            for chain in work[number::walkers]:
                if time.monotonic() >= until:
                    break
                lines = strike(templates, chain, place, apart, looked[chain[0].command])
                for line in lines:
                    if line["hit"] or len(lines) == 1:  # from a fresh home it should have been passed
                        append(journal, line)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        assert status == 0, "a walker died"


def settled(journal: Path) -> set[str]:
    """Return the points that were hit without a fault."""
    return {str(line["key"]) for line in done(journal) if not line["faults"] and line["hit"]}


def summarize(journal: Path, told: Mapping[str, object], keys: Set[str]) -> None:
    """Write beside a journal how many kills there are, and how many are left."""
    summary = {**told, "kills": len(keys), "left": len(keys - settled(journal))}
    journal.with_suffix(".summary.json").write_text(json.dumps(summary))


def append(journal: Path, told: dict[str, object]) -> None:
    with journal.open("a") as file:
        file.write(json.dumps(told) + "\n")


def done(journal: Path) -> Iterator[dict[str, object]]:
    """Yield the lines of a journal; the last may be torn."""
    for line in journal.read_text().splitlines() if journal.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def main() -> None:
    """Explore; the last line on standard output is a summary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--saved", action="store_true")
    parser.add_argument("--inner", action="store_true")
    parser.add_argument("--one-victim", action="store_true", help="for each point, another one with every seed")
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
    looked = {name: found.looked for name, found in censuses.items()}
    points = [(name, *point) for name, found in censuses.items() for point in found.points]
    every = [Point(*point, who) for who in VICTIMS for point in points]
    kills = chosen(points, given.seed) if given.inner or given.one_victim else every
    known = settled(journal)
    assert threading.active_count() == 1, "a process with threads must not fork"
    told = {"seed": given.seed, "points": len(points), "kills": len(kills), "known": len(known)}
    summarize(journal, told, {point.key for point in kills})
    apart = ("host",)  # where all die at once it makes no difference
    left = [point for point in kills if point.key not in known]
    while left and time.monotonic() < began + given.seconds:
        work = chains(left, given.chain)
        random.Random(given.seed).shuffle(work)
        walk(templates, work, journal, walkers=given.walkers, until=began + given.seconds, apart=apart, looked=looked)
        met = {str(line["key"]) for line in done(journal)}
        left = [point for point in left if point.key not in met]  # what no link of a chain met comes into another one
    summarize(journal, told, {point.key for point in kills})
    sys.stdout.write(json.dumps({**told, "wall_s": round(time.monotonic() - began, 1)}) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
