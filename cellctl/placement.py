"""Where a new cell goes: a pure function of what there is. Opens nothing, reads no clock, is the same every time.

Hard filters first (account, region, reef, state, protocol, head-room, quotas), then spread: where fewest cells of the
same tier are, then where the smallest part is used, then by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Constraint = Literal["reef", "cells", "databases", "shares", "web", "polling", "quota"]
Doors = Literal["web", "polling"]
"""What load balancers that cells share are for."""


_DOORS: Mapping[Doors, str] = {"web": "web and API", "polling": "polling Tentacles"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A database host. `used` of its `capacity` databases are taken; `reserve` stay free for restores."""

    name: str
    in_service: bool
    capacity: int
    reserve: int
    used: int
    tiers: Mapping[str, int] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """How many more cells it takes."""
        return max(0, self.capacity - self.reserve - self.used) if self.in_service else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """Shared files. `free` slots are clean and taken by nobody; `deprecated` is an ISO date or ``.

    `held` slots may hold files of a cell that left: nobody gets one before it is proven clean.
    """

    name: str
    in_service: bool
    protocol: str
    slots: int
    used: int
    clean: int
    held: int = 0
    deprecated: str = ""
    tiers: Mapping[str, int] = field(default_factory=dict)

    def free(self, today: str) -> int:
        """How many more shares can be had of it; none once its vendor has ended its support."""
        ended = bool(self.deprecated) and self.deprecated <= today
        return self.clean if self.in_service and not ended else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Balancer:
    """A load balancer that cells share: one place in it for each. `quota` names what its places are counted by."""

    name: str
    kind: Doors
    in_service: bool
    slots: int
    used: int
    quota: str = ""

    @property
    def free(self) -> int:
        """How many more cells it takes."""
        return max(0, self.slots - self.used) if self.in_service else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reef:
    """Shared capacity that fails together: its hosts and gateways serve only cells on this reef.

    Without `balancers` each cell brings its own; with them it has a place in one of each kind. `own_files`: each cell
    brings its own storage account, so that there are no gateways, and accounts are counted by their quota alone.
    """

    name: str
    account: str
    cloud: str
    region: str
    in_service: bool
    max_cells: int
    cells: int
    hosts: tuple[Host, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    balancers: tuple[Balancer, ...] = ()
    own_files: bool = False

    def doors(self, kind: Doors) -> tuple[Balancer, ...]:
        """Return its load balancers of a kind."""
        return tuple(one for one in self.balancers if one.kind == kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """One quota of an account in a region: its limit, what is used, and what one more cell on a reef takes.

    `per_shared` is what a cell takes that shares the load balancers of its reef, `per_apart` each storage account that
    a cell has besides its own.
    """

    key: str
    limit: int
    used: int
    per_cell: int
    per_shared: int = 0
    per_apart: int = 0

    def takes(self, reef: Reef, *, apart: int = 0) -> int:
        """Return what one more cell on a reef takes of it, with so many storage accounts apart."""
        return (self.per_shared if reef.balancers else self.per_cell) + self.per_apart * apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """What there is at one moment. `quotas` are those of the account and region that a request is for."""

    reefs: tuple[Reef, ...] = ()
    quotas: tuple[Quota, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A cell that looks for a place. `reef` may be ``: any. `shares`: how many it needs. `today`: an ISO date.

    `accounts_apart`: storage accounts that it brings besides the one that every cell with its own files has.
    """

    cell: str
    account: str
    cloud: str
    region: str
    protocol: str
    reef: str = ""
    shares: int = 1
    tier: str = ""
    today: str = ""
    accounts_apart: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where a cell goes. `gateway`, `web` and `polling` are what it shares, empty where it brings its own."""

    reef: str
    host: str
    gateway: str
    web: str = ""
    polling: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortage:
    """One thing that is missing: where, how much there is of it, how much is taken, how much is needed."""

    constraint: Constraint
    where: str
    limit: int
    used: int
    needed: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a cell has no place: every shortage that stands in its way."""

    cell: str
    shortages: tuple[Shortage, ...]

    def __str__(self) -> str:
        """Return the shortages as one sentence."""
        return f"there is no place for {self.cell}: " + "; ".join(shortage.reason for shortage in self.shortages)


def place(inventory: Inventory, request: Request) -> Placement | Refusal:
    """Return where the cell goes, or every reason why it goes nowhere."""
    reefs = [reef for reef in inventory.reefs if _fits(reef, request)]
    missing = {reef.name: (*_over_quota(inventory.quotas, reef, request), *_missing(reef, request)) for reef in reefs}
    open_ = [reef for reef in reefs if not missing[reef.name]]
    if not open_:
        shortages = [*_no_reef(inventory, request, reefs), *(one for found in missing.values() for one in found)]
        return Refusal(cell=request.cell, shortages=tuple(dict.fromkeys(shortages)))
    # Where cells share load balancers first: one there takes less of the account's quotas, and costs less.
    reef = min(open_, key=lambda item: (not item.balancers, Fraction(item.cells, item.max_cells), item.name))
    hosts = [host for host in reef.hosts if host.free]
    gateways = [gateway for gateway in _serving(reef, request) if gateway.free(request.today) >= request.shares]
    gateway = min(gateways, key=lambda one: _gateway_order(one, request)).name if not reef.own_files else ""
    return Placement(
        reef=reef.name,
        host=min(hosts, key=lambda host: _host_order(host, request)).name,
        gateway=gateway,
        web=_emptiest(reef.doors("web")),
        polling=_emptiest(reef.doors("polling")),
    )


def room(inventory: Inventory, request: Request) -> tuple[int, Constraint]:
    """Return how many cells like this one fit, and what runs out last, so that the next one has no place."""
    serving = [reef for reef in inventory.reefs if _fits(reef, request) and reef.in_service]
    reefs = [_room_of(reef, request) for reef in serving]
    if not reefs:
        return 0, "reef"
    fit = sum(min(parts.values()) for parts in reefs)
    roomiest = max(reefs, key=lambda parts: min(parts.values()))
    allowed = _within_quotas(
        inventory.quotas, [(reef, min(parts.values())) for reef, parts in zip(serving, reefs, strict=True)]
    )
    if allowed < fit:
        return allowed, "quota"
    return fit, min(roomiest, key=lambda name: roomiest[name])


def _within_quotas(quotas: Sequence[Quota], room_of: Sequence[tuple[Reef, int]]) -> int:
    """Return how many cells quotas allow, counted in the order in which reefs are filled."""
    left = {quota.key: max(0, quota.limit - quota.used) for quota in quotas}
    total = 0
    for reef, room_there in sorted(room_of, key=lambda one: bool(one[0].balancers), reverse=True):
        taken = [(quota.key, quota.takes(reef)) for quota in quotas if quota.takes(reef)]
        count = min([room_there, *(left[key] // each for key, each in taken)])
        total += count
        for key, each in taken:
            left[key] -= each * count
    return total


def _emptiest(balancers: Sequence[Balancer]) -> str:
    free = [one for one in balancers if one.free]
    return min(free, key=lambda one: (Fraction(one.used, one.slots), one.name)).name if free else ""


def _host_order(host: Host, request: Request) -> tuple[int, Fraction, str]:
    return host.tiers.get(request.tier, 0), Fraction(host.used, host.capacity), host.name


def _gateway_order(gateway: Gateway, request: Request) -> tuple[bool, int, Fraction, str]:
    tier = gateway.tiers.get(request.tier, 0)
    return bool(gateway.deprecated), tier, Fraction(gateway.used, gateway.slots), gateway.name


def _fits(reef: Reef, request: Request) -> bool:
    there = (reef.account, reef.cloud, reef.region) == (request.account, request.cloud, request.region)
    return there and request.reef in ("", reef.name)


def _serving(reef: Reef, request: Request) -> list[Gateway]:
    return [gateway for gateway in reef.gateways if gateway.protocol == request.protocol]


def _no_reef(inventory: Inventory, request: Request, reefs: Sequence[Reef]) -> Iterator[Shortage]:
    if reefs:
        return
    named = f"reef '{request.reef}'" if request.reef else "no reef"
    elsewhere = next((reef for reef in inventory.reefs if reef.name == request.reef), None)
    where = f"{request.cloud}, {request.region}"
    if elsewhere is not None:
        reason = f"{named} is in {elsewhere.cloud}, {elsewhere.region}, and the cell in {where}"
    else:
        reason = f"there is {named} in {where}" if not request.reef else f"{named} is not there"
    yield Shortage(constraint="reef", where=request.reef or where, limit=0, used=0, needed=1, reason=reason)


def _over_quota(quotas: Sequence[Quota], reef: Reef, request: Request) -> Iterator[Shortage]:
    for quota in quotas:
        each = quota.takes(reef, apart=request.accounts_apart)
        if each and quota.used + each > quota.limit:
            reason = f"quota {quota.key}: {quota.used} of {quota.limit} are used and a cell takes {each}"
            yield Shortage(
                constraint="quota", where=quota.key, limit=quota.limit, used=quota.used, needed=each, reason=reason
            )


def _missing(reef: Reef, request: Request) -> Iterator[Shortage]:
    """Yield what a reef lacks for this cell."""
    if not reef.in_service:
        yield _shortage(reef, "reef", (reef.max_cells, reef.cells, 1), "takes no new cells: it is not in service")
        return
    if reef.cells >= reef.max_cells:
        yield _shortage(reef, "cells", (reef.max_cells, reef.cells, 1), f"has its {reef.max_cells} cells")
    if not any(host.free for host in reef.hosts):
        hosts = [host for host in reef.hosts if host.in_service]
        kept, used = sum(host.reserve for host in hosts), sum(host.used for host in hosts)
        limit = sum(host.capacity for host in hosts) - kept
        words = f"has no database left: {used} of {limit} are taken, {kept} more are kept for restores"
        yield _shortage(reef, "databases", (limit, used, 1), words)
    serving = _serving(reef, request)
    if not reef.own_files and not any(one.free(request.today) >= request.shares for one in serving):
        gateways = [gateway for gateway in serving if gateway.in_service]
        most = max((gateway.free(request.today) for gateway in gateways), default=0)
        limit, used = sum(gateway.slots for gateway in gateways), sum(gateway.used for gateway in gateways)
        wanted = f"{request.shares} free {request.protocol} share{'s' if request.shares > 1 else ''}"
        held = sum(gateway.held for gateway in gateways)
        look = f"; {held} are quarantined: `cellctl gateway probe` frees those that hold nothing" if held else ""
        words = f"has no gateway with {wanted}, the freest has {most}{look}"
        yield _shortage(reef, "shares", (limit, used, request.shares), words)
    if reef.balancers:
        yield from (_no_door(reef, kind) for kind in _DOORS if not any(one.free for one in reef.doors(kind)))


def _no_door(reef: Reef, kind: Doors) -> Shortage:
    serving = [one for one in reef.doors(kind) if one.in_service]
    limit, used = sum(one.slots for one in serving), sum(one.used for one in serving)
    by = f" (quota {serving[0].quota} of each)" if serving and serving[0].quota else ""
    words = f"has no place on a load balancer for {_DOORS[kind]}: {used} of {limit} are taken{by}"
    return _shortage(reef, kind, (limit, used, 1), words)


def _shortage(reef: Reef, constraint: Constraint, numbers: tuple[int, int, int], words: str) -> Shortage:
    limit, used, needed = numbers
    reason = f"reef '{reef.name}' {words}"
    return Shortage(constraint=constraint, where=reef.name, limit=limit, used=used, needed=needed, reason=reason)


def _room_of(reef: Reef, request: Request) -> dict[Constraint, int]:
    doors: dict[Constraint, int] = {kind: sum(one.free for one in reef.doors(kind)) for kind in _DOORS}
    return {
        "cells": max(0, reef.max_cells - reef.cells),
        "databases": sum(host.free for host in reef.hosts),
        **({} if reef.own_files else {"shares": _shares_of(reef, request)}),
        **(doors if reef.balancers else {}),
    }


def _shares_of(reef: Reef, request: Request) -> int:
    return sum(gateway.free(request.today) // request.shares for gateway in _serving(reef, request))
