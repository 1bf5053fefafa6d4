"""What a simulated network makes of a connection, and the two ends of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["open", "timeout", "refused", "no_name"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """`open`, or what a client meets instead; `why` names the hop: the rule, route, link or record that is missing."""

    outcome: Outcome
    why: str = ""

    @property
    def open(self) -> bool:
        """Whether the connection is made."""
        return self.outcome == "open"

    def error(self) -> OSError:
        """Return what connecting raises."""
        kinds: dict[Outcome, type[OSError]] = {"refused": ConnectionRefusedError, "no_name": NameNotFound}
        text = {"timeout": "timed out", "refused": "refused", "no_name": "name not found"}.get(self.outcome, "")
        return kinds.get(self.outcome, TimeoutError)(f"{text}: {self.why}")


OPEN = Verdict(outcome="open")


class NameNotFound(OSError):
    """The name has no address: what `socket.gaierror` says in production."""


def lost(why: str) -> Verdict:
    """Return a time-out."""
    return Verdict(outcome="timeout", why=why)


def unknown(why: str) -> Verdict:
    """Return that a name has no address."""
    return Verdict(outcome="no_name", why=why)


def shut(why: str) -> Verdict:
    """Return that the other side refuses."""
    return Verdict(outcome="refused", why=why)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One end of a connection.

    `network` is the id of the VPC or virtual network, empty outside of all; `subnet` its subnet, `groups` the security
    groups of an AWS interface, `lists` the prefix lists that hold the address, `key` the id of the object it is of.
    `service` is a service of the cloud that is reached at this address (`s3`).
    """

    what: str
    address: str
    network: str = ""
    subnet: str = ""
    groups: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    key: str = ""
    service: str = ""

    def __str__(self) -> str:
        return self.what if self.what == self.address else f"{self.what} ({self.address})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """What a name resolved to: every place that may answer, or why there is none."""

    places: tuple[Place, ...] = ()
    trouble: Verdict = field(default=OPEN)


def reached(names: Names, path: Callable[[Place], Verdict]) -> Verdict:
    """Return whether what a name leads to is reached: every place that may answer must be, each judged by `path`."""
    verdicts = (path(place) for place in names.places)
    return next((verdict for verdict in verdicts if not verdict.open), names.trouble)
