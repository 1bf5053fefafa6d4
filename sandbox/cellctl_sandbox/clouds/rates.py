"""How fast a cloud may be called: token buckets of the facts, one for each account (and region), kept in the file.

A request that finds its bucket empty is answered with a throttling error; the provider's SDK repeats it after a while,
as the real one does, and gives up after as many attempts. A repeated request keeps its place: nobody overtakes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl import facts
from cellctl.facts.model import Bucket, Operation, Retries
from cellctl_sandbox.clouds.records import Attempt, refused

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.world import World


def admit(world: World, token: str, operation: Operation) -> tuple[float, list[Attempt]]:
    """Return when a call of a type is let in, and the attempts that were not.

    Raises:
        ProviderError: The SDK has given up: code `throttle`.
    """
    ready, said = world.now_s, ""
    for bucket in facts.buckets_of(token, operation):
        free = _take(world, bucket, bucket.requests[operation])
        if free > ready:
            ready, said = free, bucket.code
    if not said:
        return ready, []
    attempts = list(_attempts(facts.retries(facts.place_of(token)[0]), world.now_s, ready, f"{said}: Rate exceeded"))
    return attempts[-1].again_s, attempts


def _attempts(retries: Retries, now: float, ready: float, said: str) -> Iterator[Attempt]:
    number, at = 1, now
    while at < ready:
        if number >= retries.attempts:
            raise refused(f"{said}; gave up after {number} attempts", "throttle")
        again = at + retries.delay_s(number)
        yield Attempt(at, again, said)
        number, at = number + 1, again


def _take(world: World, bucket: Bucket, requests: float) -> float:
    """Take tokens, of the future if need be, and return when they are there."""
    place = world.tenancy
    region = place.region if bucket.scope == "region" else "*"
    where = (place.package, place.account, region, bucket.name)
    row = world.rows.execute(
        "SELECT tokens, at_s FROM buckets WHERE package = ? AND account = ? AND region = ? AND name = ?", where
    ).fetchone()
    now = world.now_s
    tokens = bucket.burst if row is None else min(bucket.burst, row[0] + max(0.0, now - row[1]) * bucket.per_s)
    tokens -= requests
    world.rows.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, ?, ?)", (*where, tokens, now))
    return now if tokens >= 0 else now - tokens / bucket.per_s
