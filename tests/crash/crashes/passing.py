"""What the log of a run says: the moments that it passed, and which of them come no more."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cellctl_provider.probes import Moment
from crashes.aim import IDLE


def moments(log: Path) -> list[Moment]:
    """Return the moments that a run passed, in its order."""
    found = []
    for line in log.read_text().splitlines() if log.exists() else ():
        if line.count("|") == 3:
            place, operation, urn, part = line.split("|")
            found.append(Moment(place=place, operation=operation, urn=urn, part=part))  # type: ignore[arg-type]
    return found


def idle(log: Path) -> set[int]:
    """Return the numbers of those moments of a watched run at which no provider's process lived."""
    found: set[int] = set()
    number = -1
    for line in log.read_text().splitlines():
        if line == IDLE:
            found.add(number)
        number += line.count("|") == 3
    return found


def struck(log: Path) -> Literal["struck", "nobody", ""]:
    """Return how a run met its aim: `nobody` where no such process lived at that moment; `` if it did not."""
    lines = log.read_text().splitlines() if log.exists() else []
    return "struck" if "struck" in lines else "nobody" if "nobody" in lines else ""


class Past:
    """Moments that no later run of the same command passes: those of steps that are done, or of objects that are made.

    What the log does not say is left open: a resource of provider `cellctl` is made again, as far as it is not there.
    """

    def __init__(self) -> None:
        self._over: set[Moment] = set()
        self._made: set[str] = set()

    def take(self, log: Path) -> None:
        """Take note of a run."""
        under_way: dict[str, list[Moment]] = {}
        for moment in moments(log):
            under_way.setdefault(moment.urn, []).append(moment)
            at = (moment.place, moment.operation)
            if at == ("saved", "commit"):
                self._over.update(under_way.pop(moment.urn))
            elif at == ("after_change", "create") and "cellctl:" not in moment.urn.partition("::")[2]:
                self._made.add(moment.urn)

    def __contains__(self, moment: Moment) -> bool:
        making = moment.operation in ("create", "begin", "commit")
        return moment in self._over or (making and moment.urn in self._made)
