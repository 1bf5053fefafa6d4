"""What is struck: the commands on the witness, and each moment of them with a victim."""

from __future__ import annotations

from dataclasses import dataclass

from cellctl_provider.probes import Moment
from crashes import landscape
from crashes.aim import Victim
from crashes.drive import Command
from crashes.landscape import REGION

COMMANDS = {
    "up": ("empty", "up", "base"),
    "update": ("made", "up", "update"),
    "replace": ("made", "up", "replace"),
    "refresh": ("drifted", "refresh", "update"),
    "down": ("updated", "down", "update"),
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
    return Command(verb=verb, cell=landscape.CELL, cloud="aws", region=REGION, variation=variation)


def chosen(points: list[tuple[str, Moment, int]], seed: int) -> list[Point]:
    """Return every point with one victim, which differs from point to point and by seed."""
    return [Point(*point, VICTIMS[(index + seed) % len(VICTIMS)]) for index, point in enumerate(points)]


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


def unmet(chain: list[Point], told: list[dict[str, object]]) -> list[Point]:
    """Return what a chain passed over or did not come to: it begins anew in a fresh home, where its first is met.

    What the first one did not meet there no run passes: that is told, and not tried again.
    """
    over = {line["key"] for line in told}
    return [point for point in chain if point.key not in over]
