"""How many objects of a kind an account may have: counted over what lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl import facts
from cellctl.facts.conditions import at
from cellctl.state.values import Struct
from cellctl_sandbox.clouds.behaviour import Behaviour, granted_quota
from cellctl_sandbox.clouds.records import refused

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.world import World


def respect(world: World, behaviour: Behaviour, inputs: Struct) -> None:
    """Raise ProviderError if one more object is over a quota."""
    cloud, name = facts.place_of(behaviour.type)
    known = facts.service(cloud, name)
    for use in behaviour.facts.quotas:
        if not use.when.holds(inputs):
            continue
        quota = known.quotas[use.name]
        maximum = _maximum(world, cloud, name, quota)
        counted = [item for item in known.types.values() if any(other.name == use.name for other in item.quotas)]
        if _count(world, counted, use.name, quota.scope, inputs) >= maximum:
            raise refused(f"{quota.code}: the quota '{name}.{quota.name}' of {maximum} is used up", "quota")


def _maximum(world: World, cloud: str, service: str, quota: facts.Quota) -> int:
    row = world.rows.execute(
        "SELECT maximum FROM quotas WHERE package = ? AND name = ? AND account IN (?, '*') AND region IN (?, '*') "
        "ORDER BY (account = '*') + (region = '*')",
        (world.tenancy.package, f"{service}.{quota.name}", world.tenancy.account, world.tenancy.region),
    ).fetchone()
    if row is not None:
        return int(row[0])
    granted = granted_quota(cloud, service, quota.name)
    return quota.default if granted is None else granted


def _count(world: World, types: list[facts.TypeFacts], name: str, scope: str, inputs: Struct) -> int:
    total = 0
    for item in types:
        use = next(other for other in item.quotas if other.name == name)
        rows = world.rows.execute(
            "SELECT inputs, region FROM objects WHERE type = ? AND account = ? AND gone_s IS NULL",
            (item.type, world.tenancy.account),
        ).fetchall()
        for text, region in rows:
            if scope == "region" and region != world.tenancy.region:
                continue
            values = world.database.load(text) if use.when.entries or scope not in ("region", "account") else {}
            same = scope in ("region", "account", "global") or at(values, scope) == at(inputs, scope)
            total += use.when.holds(values) and same
    return total
