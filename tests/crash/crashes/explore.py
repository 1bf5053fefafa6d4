"""Explore crash points: `python -m crashes.explore FOLDER [--every-victim] [--inner] [--seed N] [--journal FILE]`.

The points come from the run itself: each command runs once unharmed and says what it passes. Then each point is struck:
the same home, the same command, a SIGKILL there; the same command again; and the judge looks. One JSON line for each.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from cellctl.state.sealing import PassphraseSealer
from cellctl_provider.probes import Moment
from crashes import judge, warmth, witness
from crashes.aim import Aim, Victim
from crashes.drive import Command, Ended, perform

COMMANDS = {
    "up": ("empty", "up", "base"),
    "update": ("made", "up", "update"),
    "replace": ("made", "up", "replace"),
    "refresh": ("drifted", "refresh", "base"),
    "down": ("made", "down", "base"),
}
VICTIMS: tuple[Victim, ...] = ("operation", "host", "group")


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
    return Command(verb=verb, cell=witness.CELL, cloud="aws", region=witness.REGION, variation=variation)


class Templates:
    """Homes to begin from: `empty`, `made` (up, with data written), `drifted` (and a tag changed by somebody else)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        empty, made, drifted = (folder / name for name in ("empty", "made", "drifted"))
        empty.mkdir(parents=True)
        _in_child(lambda: (empty / "landscape.json").write_text(json.dumps(witness.build_landscape(empty))))
        land = json.loads((empty / "landscape.json").read_text())
        warmth.load(empty, witness.CELL, "aws", lambda: witness.declare("base", land))
        shutil.copytree(empty, made)
        log = folder / "making.log"
        ended = perform(made, command("up"), log)
        assert ended.result == "succeeded", ended
        _share_key(made, empty)
        _in_child(lambda: witness.write_data(made, land))
        shutil.copytree(made, drifted)
        _in_child(lambda: _drift(drifted))
        gc.collect()
        gc.freeze()

    def home(self, name: str, target: Path) -> Path:
        """Return a fresh copy of a template."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder / name, target)
        return target


def _share_key(made: Path, empty: Path) -> None:
    """Give the empty home the key and salt of the other, and derive them here: every fork inherits the result."""
    private, stack = made / ".cellctl" / "pulumi", f"cell-{witness.CELL}"
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


def _drift(home: Path) -> None:
    from cellctl_sandbox.control import open_control

    open_control(home).edit("witness-files", "tags.owner", "somebody")


def census(templates: Templates, name: str, *, inner: bool) -> list[tuple[Moment, int]]:
    """Run a command unharmed and return the moments that it passes, each with its number."""
    home = templates.home(COMMANDS[name][0], templates.folder / "census")
    log = templates.folder / f"census-{name}.log"
    log.unlink(missing_ok=True)
    ended = perform(home, command(name), log)
    assert ended.result == "succeeded", (name, ended)
    found = judge.faults(home, command(name), ended, data=name != "up")
    assert not found, (name, found)
    seen: Counter[Moment] = Counter()
    points = []
    for line in log.read_text().splitlines():
        place, operation, urn, part = line.split("|")
        moment = Moment(place=place, operation=operation, urn=urn, part=part)  # type: ignore[arg-type]
        seen[moment] += 1
        if inner or not urn.startswith("service:"):
            points.append((moment, seen[moment]))
    return points


def chosen(points: list[tuple[str, Moment, int]], *, every_victim: bool, seed: int) -> list[Point]:
    """Return the kills: every point with every victim, or with one that differs from point to point and by seed."""
    kills = []
    for index, (name, moment, nth) in enumerate(points):
        victims = VICTIMS if every_victim else (VICTIMS[(index + seed) % len(VICTIMS)],)
        kills += [Point(name, moment, nth, victim) for victim in victims]
    random.Random(seed).shuffle(kills)
    return kills


def strike(templates: Templates, point: Point, place: Path) -> dict[str, object]:
    """Strike one point; return what happened."""
    home = templates.home(COMMANDS[point.command][0], place)
    log = place.with_suffix(".log")
    log.unlink(missing_ok=True)
    asked = command(point.command)
    aim = Aim(point.moment, point.nth, point.victim)
    first = perform(home, asked, log, aim, apart=point.victim != "operation")
    hit = log.exists() and "struck" in log.read_text()
    again = perform(home, asked, log)
    found = judge.faults(home, asked, again, data=point.command != "up")
    if first.result == "crashed":
        found.append(f"the struck run raised: {first.text}")
    return _line(point, first, again, hit, found)


def _line(point: Point, first: Ended, again: Ended, hit: bool, found: list[str]) -> dict[str, object]:
    told = {"key": point.key, "hit": hit, "faults": found, "first": [first.result, first.code or first.text[:200]]}
    if found:
        told["again"] = asdict(again)
    return {**told, "cpu_s": round(first.cpu_s + again.cpu_s, 2)}


def walk(templates: Templates, kills: list[Point], walkers: int, journal: Path, until: float) -> None:
    """Strike points, `walkers` at a time, until it is late; each result is a line of the journal at once."""
    pids = []
    for number in range(walkers):
        pid = os.fork()
        if pid:
            pids.append(pid)
            continue
        code = 1
        try:
            for point in kills[number::walkers]:
                if time.monotonic() >= until:
                    break
                append(journal, strike(templates, point, templates.folder / f"walker-{number}"))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        assert status == 0, "a walker died"


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
    parser.add_argument("--every-victim", action="store_true")
    parser.add_argument("--inner", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--walkers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--only", default="")
    parser.add_argument("--journal", type=Path)
    given = parser.parse_args()
    began = time.monotonic()
    journal = given.journal or given.folder / "journal.jsonl"
    templates = Templates(given.folder / "homes")
    names = given.only.split(",") if given.only else list(COMMANDS)
    points = [(name, *item) for name in names for item in census(templates, name, inner=given.inner)]
    kills = chosen(points, every_victim=given.every_victim, seed=given.seed)
    finished = {str(line["key"]) for line in done(journal) if not line["faults"] and line["hit"]}
    left = [point for point in kills if point.key not in finished]
    assert threading.active_count() == 1, "a process with threads must not fork"
    walk(templates, left, given.walkers, journal, began + given.seconds)
    told = {"seed": given.seed, "points": len(points), "kills": len(kills), "known": len(finished)}
    (journal.with_suffix(".summary.json")).write_text(json.dumps(told))
    sys.stdout.write(json.dumps({**told, "wall_s": round(time.monotonic() - began, 1)}) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
