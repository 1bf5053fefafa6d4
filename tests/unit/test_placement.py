"""Where cells go: never where they may not, always somewhere while there is room, and the same every time."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellctl.facts.capacity import capacity
from cellctl.facts.document import FactsError
from cellctl.placement import Balancer, Gateway, Host, Inventory, Placement, Quota, Reef, Refusal, Request, place, room

KINDS = ("web", "polling")
PLACE = {"account": "aws:1", "cloud": "aws", "region": "eu-west-1"}
REQUEST = Request(cell="acme", protocol="nfs", today="2026-11-28", **PLACE)


def hosts() -> st.SearchStrategy[Host]:
    return st.builds(
        lambda number, capacity, reserve, used, in_service: Host(
            name=f"h{number}", in_service=in_service, capacity=capacity, reserve=min(reserve, capacity - 1),
            used=min(used, capacity),
        ),
        st.integers(0, 99), st.integers(1, 6), st.integers(0, 3), st.integers(0, 6), st.booleans(),
    )  # fmt: skip


def gateways() -> st.SearchStrategy[Gateway]:
    return st.builds(
        lambda number, protocol, slots, used, dirty, in_service, deprecated: Gateway(
            name=f"g{number}", in_service=in_service, protocol=protocol, slots=slots, used=min(used, slots),
            clean=max(0, slots - min(used, slots) - dirty), deprecated=deprecated,
        ),
        st.integers(0, 99), st.sampled_from(["nfs", "nfs", "smb"]), st.integers(1, 6), st.integers(0, 6),
        st.integers(0, 2), st.booleans(), st.sampled_from(["", "", "2026-06-30", "2027-01-01"]),
    )  # fmt: skip


def balancers(kind: str) -> st.SearchStrategy[Balancer]:
    return st.builds(
        lambda number, slots, used, in_service: Balancer(
            name=f"{kind}-{number}", kind=kind, slots=slots, used=min(used, slots), in_service=in_service,  # type: ignore[arg-type]
        ),
        st.integers(0, 99), st.integers(1, 6), st.integers(0, 6), st.booleans(),
    )  # fmt: skip


def doors() -> st.SearchStrategy[tuple[Balancer, ...]]:
    """None, or some of each kind."""
    some = [st.lists(balancers(kind), min_size=1, max_size=2, unique_by=lambda one: one.name) for kind in KINDS]
    return st.one_of(st.just(()), st.builds(lambda web, polling: (*web, *polling), *some))


def reefs() -> st.SearchStrategy[Reef]:
    return st.builds(
        lambda number, region, in_service, max_cells, cells, found_hosts, found_gateways, found_doors: Reef(
            name=f"r{number}", account="aws:1", cloud="aws", region=region, in_service=in_service, max_cells=max_cells,
            cells=min(cells, max_cells), hosts=tuple(found_hosts), gateways=tuple(found_gateways),
            balancers=found_doors,
        ),
        st.integers(0, 99), st.sampled_from(["eu-west-1", "eu-west-1", "eu-west-2"]), st.booleans(),
        st.integers(1, 9), st.integers(0, 9), st.lists(hosts(), max_size=3, unique_by=lambda host: host.name),
        st.lists(gateways(), max_size=3, unique_by=lambda gateway: gateway.name), doors(),
    )  # fmt: skip


INVENTORIES = st.builds(
    lambda found, quotas: Inventory(reefs=tuple(found), quotas=tuple(quotas)),
    st.lists(reefs(), max_size=4, unique_by=lambda reef: reef.name),
    st.lists(
        st.builds(Quota, key=st.just("kms.keys"), limit=st.integers(0, 20), used=st.integers(0, 9),
                  per_cell=st.integers(0, 3), per_shared=st.integers(0, 2)),
        max_size=2,
    ),
)  # fmt: skip
REQUESTS = st.builds(
    lambda shares, tier: dataclasses.replace(REQUEST, shares=shares, tier=tier),
    st.integers(1, 3),
    st.sampled_from(["", "gold"]),
)


def possible(inventory: Inventory, request: Request) -> Iterator[Placement]:
    """Yield every place that no rule forbids: the rules once more, without order or words."""
    for reef in inventory.reefs:
        takes = [(quota, quota.per_shared if reef.balancers else quota.per_cell) for quota in inventory.quotas]
        if any(each and quota.used + each > quota.limit for quota, each in takes):
            continue
        if reef.region != request.region or not reef.in_service or reef.cells >= reef.max_cells:
            continue
        webs, pollings = ([one for one in reef.balancers if one.kind == kind] for kind in KINDS)
        doors = [("", "")]
        if reef.balancers:
            free = [
                [one.name for one in found if one.in_service and one.used < one.slots] for found in (webs, pollings)
            ]
            doors = list(itertools.product(*free))
        for host, gateway, (web, polling) in itertools.product(reef.hosts, reef.gateways, doors):
            room_for_database = host.in_service and host.used + host.reserve < host.capacity
            supported = gateway.deprecated in ("", "2027-01-01") and gateway.in_service
            if room_for_database and supported and gateway.protocol == "nfs" and gateway.clean >= request.shares:
                yield Placement(reef=reef.name, host=host.name, gateway=gateway.name, web=web, polling=polling)


def after(inventory: Inventory, placed: Placement, request: Request) -> Inventory:
    """Return the inventory with the cell in its place."""

    def tiers(item: Host | Gateway) -> dict[str, int]:
        return {**item.tiers, request.tier: item.tiers.get(request.tier, 0) + 1}

    def host(item: Host) -> Host:
        return dataclasses.replace(item, used=item.used + 1, tiers=tiers(item)) if item.name == placed.host else item

    def gateway(item: Gateway) -> Gateway:
        if item.name != placed.gateway:
            return item
        shares = request.shares
        return dataclasses.replace(item, used=item.used + shares, clean=item.clean - shares, tiers=tiers(item))

    def balancer(item: Balancer) -> Balancer:
        return dataclasses.replace(item, used=item.used + (item.name in (placed.web, placed.polling)))

    def reef(item: Reef) -> Reef:
        if item.name != placed.reef:
            return item
        return dataclasses.replace(
            item, cells=item.cells + 1, hosts=tuple(map(host, item.hosts)), gateways=tuple(map(gateway, item.gateways)),
            balancers=tuple(map(balancer, item.balancers)),
        )  # fmt: skip

    def quota(item: Quota) -> Quota:
        return dataclasses.replace(item, used=item.used + (item.per_shared if placed.web else item.per_cell))

    quotas = tuple(map(quota, inventory.quotas))
    return Inventory(reefs=tuple(map(reef, inventory.reefs)), quotas=quotas)


@settings(max_examples=150, deadline=None)
@given(INVENTORIES, REQUESTS)
def test_a_place_is_possible_and_is_found_wherever_there_is_one(inventory: Inventory, request: Request) -> None:
    found, allowed = place(inventory, request), set(possible(inventory, request))
    if isinstance(found, Placement):
        assert found in allowed
    else:
        assert not allowed
        assert found.shortages
        assert all(shortage.reason and shortage.where for shortage in found.shortages)


@settings(max_examples=60, deadline=None)
@given(INVENTORIES, REQUESTS, st.randoms(use_true_random=False))
def test_the_order_of_the_inventory_does_not_matter(
    inventory: Inventory, request: Request, chance: random.Random
) -> None:
    def mixed(reef: Reef) -> Reef:
        return dataclasses.replace(
            reef,
            hosts=tuple(chance.sample(reef.hosts, len(reef.hosts))),
            gateways=tuple(chance.sample(reef.gateways, len(reef.gateways))),
            balancers=tuple(chance.sample(reef.balancers, len(reef.balancers))),
        )

    shuffled = [mixed(reef) for reef in chance.sample(inventory.reefs, len(inventory.reefs))]
    other = place(Inventory(reefs=tuple(shuffled), quotas=inventory.quotas), request)
    found = place(inventory, request)
    assert isinstance(found, Refusal) if isinstance(other, Refusal) else found == other


@settings(max_examples=60, deadline=None)
@given(INVENTORIES, REQUESTS)
def test_there_is_room_for_as_many_as_are_said_and_for_no_more(inventory: Inventory, request: Request) -> None:
    said, runs_out = room(inventory, request)
    for _ in range(min(said, 40)):
        placed = place(inventory, request)
        assert isinstance(placed, Placement), placed
        inventory = after(inventory, placed, request)
    if said < 40:
        refused = place(inventory, request)
        assert isinstance(refused, Refusal)
        assert runs_out in {shortage.constraint for shortage in refused.shortages}


def reef_of(count: int, **changes: object) -> Reef:
    """Return a reef with `count` gateways of ten slots and two Always On hosts."""
    databases = capacity("aws").databases_of("db.m6i.xlarge", "always_on")
    kept = capacity("aws").reserve_of(databases)
    reef = Reef(
        name="r1", in_service=True, max_cells=200, cells=0,
        hosts=tuple(Host(name=f"h{n}", in_service=True, capacity=databases, reserve=kept, used=0) for n in range(2)),
        gateways=tuple(
            Gateway(name=f"g{n}", in_service=True, protocol="nfs", slots=10, used=0, clean=10) for n in range(count)
        ),
        **PLACE,
    )  # fmt: skip
    return dataclasses.replace(reef, **changes)


def test_cells_of_a_tier_are_spread() -> None:
    inventory = Inventory(reefs=(reef_of(4),))
    for number in range(12):
        request = dataclasses.replace(REQUEST, cell=f"c{number}", tier="gold" if number % 3 == 0 else "")
        placed = place(inventory, request)
        assert isinstance(placed, Placement)
        inventory = after(inventory, placed, request)
    gold = [gateway.tiers.get("gold", 0) for gateway in inventory.reefs[0].gateways]
    assert gold == [1, 1, 1, 1]
    assert [host.tiers["gold"] for host in inventory.reefs[0].hosts] == [2, 2]
    assert max(gateway.used for gateway in inventory.reefs[0].gateways) == 3


def test_a_refusal_says_what_is_missing_where() -> None:
    full = reef_of(1, gateways=(Gateway(name="g0", in_service=True, protocol="nfs", slots=10, used=10, clean=0),))
    said = str(place(Inventory(reefs=(full,)), REQUEST))
    assert said == ("there is no place for acme: reef 'r1' has no gateway with 1 free nfs share, the freest has 0")
    quota = Quota(key="kms.keys", limit=3, used=3, per_cell=1)
    said = str(place(Inventory(reefs=(reef_of(1),), quotas=(quota,)), REQUEST))
    assert "quota kms.keys: 3 of 3 are used and a cell takes 1" in said
    said = str(place(Inventory(reefs=(reef_of(1),)), dataclasses.replace(REQUEST, region="eu-west-2", reef="r1")))
    assert "reef 'r1' is in aws, eu-west-1, and the cell in aws, eu-west-2" in said


def test_a_gateway_that_is_about_to_end_is_taken_last_and_after_its_end_never() -> None:
    old = Gateway(name="a-old", in_service=True, protocol="nfs", slots=10, used=0, clean=10, deprecated="2026-12-01")
    new = Gateway(name="b-new", in_service=True, protocol="nfs", slots=10, used=9, clean=1)
    inventory = Inventory(reefs=(reef_of(0, gateways=(old, new)),))
    first = place(inventory, REQUEST)
    assert isinstance(first, Placement)
    assert first.gateway == "b-new"
    second = place(after(inventory, first, REQUEST), REQUEST)
    assert isinstance(second, Placement)
    assert second.gateway == "a-old"
    late = dataclasses.replace(REQUEST, today="2026-12-01")
    assert isinstance(place(after(inventory, first, REQUEST), late), Refusal)


@pytest.mark.parametrize(
    ("size", "mode", "databases"),
    [
        ("db.m6i.large", "always_on", 30),
        ("db.m6i.xlarge", "always_on", 75),
        ("db.m6i.xlarge", "mirroring", 50),
        ("db.r5.24xlarge", "always_on", 100),
        ("db.t3.small", "single", 30),
    ],
)
def test_how_many_databases_a_host_takes_is_data(size: str, mode: str, databases: int) -> None:
    assert capacity("aws").databases_of(size, mode) == databases
    assert capacity("aws").reserve_of(databases) * 10 >= databases


def test_a_pool_takes_the_least_of_four_limits() -> None:
    found = capacity("azure").databases
    # 2 vCores at 12.5 cells each; 4 as many as one server may fail for; Business Critical of 4 vCores allows no more.
    assert [found[size, "zone_redundant"] for size in ("GP_Gen5_2", "GP_Gen5_4", "GP_Gen5_8", "BC_Gen5_4")] == [
        25, 50, 50, 50
    ]  # fmt: skip
    assert not capacity("aws").own_files
    assert capacity("azure").own_files


def test_where_cells_bring_their_own_files_no_gateway_is_looked_for() -> None:
    reef = Reef(
        name="r1", account="azure:1", cloud="azure", region="westeurope", in_service=True, max_cells=9, cells=0,
        hosts=(Host(name="h", in_service=True, capacity=5, reserve=1, used=0),), own_files=True,
    )  # fmt: skip
    request = Request(cell="acme", account="azure:1", cloud="azure", region="westeurope", protocol="smb")
    accounts = Quota(key="storage.storage-accounts", limit=250, used=247, per_cell=1)
    assert place(Inventory(reefs=(reef,), quotas=(accounts,)), request) == Placement(reef="r1", host="h", gateway="")
    assert room(Inventory(reefs=(reef,)), request) == (4, "databases")
    assert room(Inventory(reefs=(reef,), quotas=(accounts,)), request) == (3, "quota")
    full = place(Inventory(reefs=(reef,), quotas=(dataclasses.replace(accounts, used=250),)), request)
    assert isinstance(full, Refusal)
    assert [shortage.where for shortage in full.shortages] == ["storage.storage-accounts"]


def test_a_size_that_cannot_run_in_a_mode_is_refused() -> None:
    with pytest.raises(FactsError, match=r"db\.t3\.small"):
        capacity("aws").databases_of("db.t3.small", "always_on")
    assert capacity("azure").databases_of("GP_Gen5_4", "zone_redundant") == 50
    assert all(takes.limit for cloud in ("aws", "azure") for takes in capacity(cloud).takes)
