"""How many objects of a kind an account may have: counted over what lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cellctl import facts
from cellctl.errors import UsageError
from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds.behaviour import Behaviour, granted_quota
from cellctl_sandbox.clouds.records import refused

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.world import World


def respect(world: World, behaviour: Behaviour, inputs: Struct) -> None:
    """Raise ProviderError if one more object is over a quota."""
    cloud, name = facts.place_of(behaviour.type)
    known = facts.service(cloud, name)
    for use in behaviour.facts.quotas:
        quota = known.quotas[use.name]
        amount = use.amount(quota, inputs)
        if not amount:
            continue
        maximum, _ = _maximum(world, cloud, name, quota)
        if _count(world, _types(known, use.name), quota, at(inputs, quota.scope)) + amount > maximum:
            raise refused(f"{quota.code}: the quota '{name}.{quota.name}' of {maximum} is used up", "quota")


def _maximum(world: World, cloud: str, service: str, quota: facts.Quota) -> tuple[int, str]:
    """Return a quota's limit in an account and region, and where it comes from."""
    row = world.rows.execute(
        "SELECT maximum FROM quotas WHERE package = ? AND name = ? AND account IN (?, '*') AND region IN (?, '*') "
        "ORDER BY (account = '*') + (region = '*')",
        (world.tenancy.package, f"{service}.{quota.name}", world.tenancy.account, world.tenancy.region),
    ).fetchone()
    if row is not None:
        return int(row[0]), "set in this sandbox"
    granted = granted_quota(cloud, service, quota.name)
    if granted is not None:
        return granted, f"granted to accounts that run cells; {quota.default} is the default"
    source = facts.service(cloud, service).sources[quota.source]
    return quota.default, f"{source.what}, {source.date}"


def usage(world: World, name: str, inside: str) -> Struct:
    """Return what the world's account and region have of quota `SERVICE.NAME`: `{"used", "limit", "because"}`.

    `inside` is the value of the path that the quota's scope is, where it is one.
    """
    cloud, (service, _, short) = facts.CLOUD_OF_PACKAGE[world.tenancy.package], name.partition(".")
    known = facts.service(cloud, service)
    quota = known.quotas[short]
    maximum, because = _maximum(world, cloud, service, quota)
    used = _count(world, _types(known, short), quota, inside)
    return {"used": used, "limit": maximum, "because": because}


def _types(known: facts.ServiceFacts, quota: str) -> list[facts.TypeFacts]:
    return [item for item in known.types.values() if any(use.name == quota for use in item.quotas)]


def listed(world: World, *, everything: bool = False) -> Iterator[Struct]:
    """Yield every quota of the world's account and region that is used, was set, or every one."""
    cloud = facts.CLOUD_OF_PACKAGE[world.tenancy.package]
    for service in facts.services(cloud):
        known = facts.service(cloud, service)
        for quota in known.quotas.values():
            types = _types(known, quota.name)
            used, place = _fullest(world, types, quota)
            maximum, because = _maximum(world, cloud, service, quota)
            if used or everything or because.startswith("set"):
                yield {
                    "cloud": cloud,
                    "quota": f"{service}.{quota.name}",
                    "account": world.tenancy.account,
                    "region": {"region": world.tenancy.region}.get(quota.scope, place or quota.scope),
                    "used": used,
                    "limit": maximum,
                    "documented": quota.default,
                    "because": because,
                }


def _fullest(world: World, types: list[facts.TypeFacts], quota: facts.Quota) -> tuple[int, str]:
    """Return how much is used; of a quota that counts by the value of a path, by which value most."""
    if quota.scope in ("region", "account", "global"):
        return _count(world, types, quota, None), ""
    found: Counter[str] = Counter()
    for item in types:
        query = "SELECT inputs FROM objects WHERE type = ? AND account = ? AND gone_s IS NULL"
        for (text,) in world.rows.execute(query, (item.type, world.tenancy.account)).fetchall():
            found[str(at(world.database.load(text), quota.scope))] += 1
    place, used = found.most_common(1)[0] if found else ("", 0)
    return used, place


def package_of_quota(name: str, cloud: str) -> str:
    """Return the package whose facts have a quota `SERVICE.NAME`; `cloud` narrows.

    Raises:
        UsageError: None has it, or both.
    """
    found = [package for package, of, quota in all_quotas() if quota == name and cloud in ("", of)]
    if len(found) == 1:
        return found[0]
    close = get_close_matches(name, [quota for _, _, quota in all_quotas()], n=1)
    hint = f"did you mean {close[0]}?" if close else "`cellctl sandbox quota --all` lists them"
    if found:
        raise UsageError(
            f"both clouds have a quota '{name}'", hint="say --cloud aws or --cloud azure", code="ambiguous"
        )
    raise UsageError(f"there is no quota '{name}'", hint=hint, code="unknown_quota")


def all_quotas() -> list[tuple[str, str, str]]:
    """Return every quota of the simulated clouds: (package, cloud, SERVICE.NAME)."""
    packages = {cloud: package for package, cloud in facts.CLOUD_OF_PACKAGE.items()}
    return [
        (packages[cloud], cloud, f"{service}.{name}")
        for cloud in ("aws", "azure")
        for service in facts.services(cloud)
        for name in facts.service(cloud, service).quotas
    ]


def _count(world: World, types: list[facts.TypeFacts], quota: facts.Quota, inside: Value) -> int:
    total, scope = 0, quota.scope
    for item in types:
        use = next(other for other in item.quotas if other.name == quota.name)
        rows = world.rows.execute(
            "SELECT inputs, region FROM objects WHERE type = ? AND account = ? AND gone_s IS NULL",
            (item.type, world.tenancy.account),
        ).fetchall()
        plain = not (use.when.entries or use.by) and scope in ("region", "account")
        for text, region in rows:
            if scope == "region" and region != world.tenancy.region:
                continue
            values = {} if plain else world.database.load(text)
            same = scope in ("region", "account", "global") or at(values, scope) == inside
            total += use.amount(quota, values) if same else 0
    return total
