"""What a plan says beside its changes: what depends on each, whether people notice, how long it took here before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.facts.downtimes import downtime

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.plan import Change, Plan
    from cellctl.run.target import Target
    from cellctl.state.backend import Loaded

_MOST = 20


def told(plan: Plan, target: Target, loaded: Loaded | None) -> Plan:
    """Return the plan with what follows from each change; its hash stays."""
    needed, usual = _needed_by(loaded), usual_s(target.home, target.account.name)
    changes = tuple(
        change if change.action in ("same", "read") else _told(change, target.cloud, needed, usual)
        for change in plan.changes
    )
    return replace(plan, changes=changes)


def usual_s(home: Home, account: str) -> Mapping[tuple[str, str], float]:
    """Return how long actions on types usually took in an account, as this home saw it: (type, action) -> seconds."""
    return home.usual_s(account) if home.private.exists() else {}


def _told(
    change: Change,
    cloud: str,
    needed: Mapping[str, tuple[str, ...]],
    usual: Mapping[tuple[str, str], float],
) -> Change:
    means, why = downtime(cloud, change.type, change.action, [item.path for item in change.diff])
    needing = needed.get(change.urn, ())
    known = usual.get((change.type, change.action))
    seen = known is not None
    return replace(
        change,
        needed_by=needing[:_MOST],
        needed_by_more=len(needing[_MOST:]),
        downtime=means if change.of_cloud else "none",
        downtime_why=why,
        expected_s=known if seen else change.expected_s,
        expected_from="history" if seen else "facts" if change.expected_s is not None else "",
    )


def _needed_by(loaded: Loaded | None) -> Mapping[str, tuple[str, ...]]:
    """Return the URNs of what needs each resource of the state, in its order: of clouds only, the next ones only."""
    found: dict[str, list[str]] = {}
    for row in loaded.checkpoint.resources if loaded else ():
        if row.custom and not row.is_provider and not row.delete:
            for urn in row.needs():
                found.setdefault(urn, []).append(row.urn)
    return {urn: tuple(urns) for urn, urns in found.items()}
