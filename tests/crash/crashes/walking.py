"""Strikes chains of points, several at a time: the same home, the same command, a SIGKILL, and on to the next."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from crashes import judge, passing
from crashes.aim import Aim, Victim
from crashes.drive import Command, Ended, go_on, perform, planned
from crashes.journal import append
from crashes.passing import Past
from crashes.points import COMMANDS, Point, command, unmet
from crashes.templates import Templates


def strike(
    templates: Templates, chain: list[Point], place: Path, apart: Collection[Victim], plan: object
) -> list[dict[str, object]]:
    """Strike the points of a chain: each run of the same command is killed at the next point, the last one at none.

    `apart` are the victims for whom providers have processes of their own. Where the command's process lives on, it
    goes on with the next run, as a service does; the last run is always in a fresh one. What is struck in a chain reads
    nothing and has the `plan` of an unharmed run: no point lies before a change, and the last run reads and plans.
    After each kill the judge looks for what nobody knows of; what it found in the end is of the whole chain.

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
        with planned(plan):
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


class _Queue:
    """Chains that forked walkers take one by one, by the numbers in a pipe that all of them inherit."""

    def __init__(self, work: list[list[Point]]) -> None:
        self._work = work
        self._numbers, end = os.pipe()
        for number in range(len(work)):
            os.write(end, number.to_bytes(2))
        os.close(end)

    def taken(self) -> Iterator[list[Point]]:
        """Yield those that this process takes, until all are."""
        while number := os.read(self._numbers, 2):
            yield self._work[int.from_bytes(number)]

    def close(self) -> None:
        os.close(self._numbers)


def walk(
    templates: Templates,
    work: list[list[Point]],
    journal: Path,
    *,
    walkers: int,
    until: float,
    apart: Collection[Victim],
    plans: Mapping[str, object],
) -> None:
    """Strike chains, `walkers` at a time, until it is late; each result is a line of the journal at once.

    Whoever is free takes the next one. The longest come first: no walker is alone with one at the end.
    """
    pids, queue = [], _Queue(sorted(work, key=len, reverse=True))
    for number in range(walkers):
        pid = os.fork()
        if pid:
            pids.append(pid)
            continue
        code, place = 1, templates.walker(number)
        try:
            templates.rehearse(number)
            for chain in queue.taken():
                left = chain
                while left and time.monotonic() < until:
                    lines = strike(templates, left, place, apart, plans[chain[0].command])
                    told = lines if len(lines) == 1 else [line for line in lines if line["hit"]]
                    for line in told:
                        append(journal, line)
                    left = unmet(left, told)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    queue.close()
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        assert status == 0, "a walker died"
