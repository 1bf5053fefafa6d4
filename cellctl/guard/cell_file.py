"""What a cell file may not ask of a cell that exists, or of its cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cellctl import facts
from cellctl.errors import Objection
from cellctl.facts import immutable
from cellctl.guard.case import Case
from cellctl.plan import UNKNOWN_TEXT, Plan, PropertyChange
from cellctl.state.values import Value

FROZEN = (
    "cloud", "account", "region", "placement", "network", "ingress.zone", "ingress.balancer", "ingress.certificate",
    "protection.key", "database.edition", "database.authentication", "storage.tier",
    "storage.kinds",
)  # fmt: skip
_SERVER = "it would be another server"
_WHY: Mapping[str, str] = {
    "ingress.certificate": "the gateway's role is on that vault",
    "ingress.balancer": "Tentacles poll another name then, and would wait at the old one",
    "database.edition": _SERVER,
    "database.authentication": _SERVER,
    "storage.tier": "it would be another storage account",
    "storage.kinds": "its files would be left behind, and nothing moves them",
}
_VERSION, _COUNT, _LICENCE = "octopus.version", "nodes.count", "octopus.licence.secret"
_POLLING, _SYSTEM, _TOKEN = "ingress.polling", "nodes.os", "ingress.queueToken"
_TURN = "database.passwordTurn"
_SNAPSHOTS = "storage.snapshotDays"
_OVER_LIMIT = "over its limit Octopus neither creates nor deploys releases: get another licence first"


def frozen_fields(plan: Plan | None, case: Case) -> Iterator[Objection]:
    """Refuse another cloud, account, region or placement for what exists."""
    del plan
    for key in FROZEN:
        before, after = case.recorded.get(key, ""), case.wanted.get(key, "")
        if before and after and before != after:
            yield Objection(
                code="frozen_field",
                reason=f"{key} is {before} and cannot become {after}: {_WHY.get(key, 'a cell never moves')}",
                remedy=f"set {key} back to {before}, or create another cell",
            )
    kept = case.recorded.get(_SNAPSHOTS, "")
    if kept and case.wanted and not case.wanted.get(_SNAPSHOTS, ""):
        yield Objection(
            code="snapshots_off",
            reason=f"{_SNAPSHOTS} is {kept} and cannot go: their vault would be left behind, with what it keeps",
            remedy="set it back, or to 1: that keeps the last snapshot alone",
        )


def running_nodes(case: Case) -> Iterator[Objection]:
    """Refuse what nodes that run cannot become: an older version, a version beside another, more than are licensed."""
    before, after = str(_at(case.recorded_spec, _VERSION) or ""), str(_at(case.wanted_spec, _VERSION) or "")
    had, wants = _at(case.recorded_spec, _COUNT), _at(case.wanted_spec, _COUNT)
    grows = isinstance(had, int | float) and isinstance(wants, int | float) and wants > had
    if before and after and version_key(after) < version_key(before):
        yield Objection(
            code="version_older",
            reason=f"{_VERSION} is {before} and cannot become {after}: the database's schema does not go back",
            remedy=f"set it back to {before} or to a newer one; an older version needs the database of its time",
        )
    elif before and after and after != before and grows:
        yield Objection(
            code="upgrade_with_growth",
            reason=f"{_VERSION} and {_COUNT} would change at once, and a node must never join in another version",
            remedy="change one of them, run `cellctl up`, then the other",
        )
    had_os, wants_os = _at(case.recorded_spec, _SYSTEM), _at(case.wanted_spec, _SYSTEM)
    if had_os and wants_os and had_os != wants_os:
        yield Objection(
            code="nodes_os_change",
            reason=f"{_SYSTEM} is {had_os} and cannot become {wants_os}: all nodes read the paths of files in the "
            "database",
            remedy=f"set it back to {had_os}; another cell can have {wants_os}",
        )
    was, wanted = _at(case.recorded_spec, _POLLING), _at(case.wanted_spec, _POLLING)
    if was == "redis" and wanted and was != wanted:
        yield Objection(
            code="polling_change",
            reason=f"{_POLLING} is {was} and cannot become {wanted}: Octopus keeps what nodes with a queue share there",
            remedy=f"set it back to {was}; another cell can have {wanted}",
        )
    elif was and wanted and was != wanted and case.recorded.get("cloud") == "azure":
        yield Objection(
            code="polling_change",
            reason=f"{_POLLING} is {was} and cannot become {wanted}: on Azure nodes learn of it at their first boot",
            remedy=f"set it back to {was}; another cell can have {wanted}",
        )
    tokens = [_at(spec, _TOKEN) for spec in (case.recorded_spec, case.wanted_spec)]
    if wanted == was == "redis" and _number(tokens[1]) < _number(tokens[0]):
        yield Objection(
            code="queue_token_older",
            reason=f"{_TOKEN} is {_written(tokens[0])} and cannot become {_written(tokens[1])}: none comes back",
            remedy="set it back, or raise it for another new one",
        )
    yield from _password(case)
    other = _at(case.recorded_spec, _LICENCE) != _at(case.wanted_spec, _LICENCE)  # then `licensed` judges its limit
    if case.node_limit and not other and grows and isinstance(wants, int | float) and wants > case.node_limit:
        yield Objection(
            code="licence_limit",
            reason=f"{_COUNT} would be {int(wants)}, and the installed licence allows {case.node_limit}",
            remedy=_OVER_LIMIT,
        )


def _password(case: Case) -> Iterator[Objection]:
    """Refuse a turn of the password that would shut nodes out: two users take turns, and the one of now stays."""
    had, wants = (_number(_at(spec, _TURN)) for spec in (case.recorded_spec, case.wanted_spec))
    if wants < had:
        yield Objection(
            code="password_older",
            reason=f"{_TURN} is {_written(had)} and cannot become {_written(wants)}: none comes back",
            remedy="set it back, or raise it for another new one",
        )
    elif wants > had + 1:
        yield Objection(
            code="password_skipped",
            reason=f"{_TURN} is {_written(had)} and cannot become {_written(wants)} at once: nodes open the database "
            "as the user of now until they have come over",
            remedy=f"set it to {_written(had + 1)} and run `cellctl up`, then the next",
        )


_SHARED = "ingress.shared"
_KEPT = (_SHARED, "ingress.exposure", "ingress.portsPerCell")


def shared_balancers(case: Case) -> Iterator[Objection]:
    """Refuse what load balancers that cells share cannot become: cells answer there, at ports that they were given."""
    if _at(case.recorded_spec, _SHARED) is not True:
        return
    for path in _KEPT:
        before, after = _at(case.recorded_spec, path), _at(case.wanted_spec, path)
        if before is not None and before != after:
            yield Objection(
                code="shared_balancers",
                reason=f"{path} is {_written(before)} and cannot become {_written(after)}: cells answer there",
                remedy=f"set it back to {_written(before)}, or make another reef",
            )


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 1.0


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value)


def licensed(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse before anything is made what the step that installs the licence would refuse half way through."""
    del plan
    found = case.licence
    if found is None:
        return
    if found.missing:
        yield Objection(
            code="licence_missing",
            reason=f"octopus.licence cannot be read: {found.missing}",
            remedy=found.remedy,
        )
    elif found.nodes > found.limit:
        yield Objection(
            code="licence_limit",
            reason=f"{_COUNT} is {found.nodes}, and the licence in {found.reference} allows {found.limit}",
            remedy=_OVER_LIMIT,
        )


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare; what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


def _at(spec: Mapping[str, Value], path: str) -> Value:
    value: Value = dict(spec)
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def immutable_inputs(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse an update of what its cloud never changes: it looks harmless, and would be refused half way through.

    The provider does not know these (reference: azure-native sends the update, Azure answers 409); the facts do.
    """
    del case
    for change in plan.changes:
        known = facts.of(change.type) if change.action == "update" and plan.operation == "up" else None
        for path in sorted(known.immutable) if known else ():
            if _breaks(change.diff, path):
                yield Objection(
                    code="immutable",
                    reason=f"{path} of {change.name} ({change.type}) would change, and its cloud never changes it",
                    remedy="set back in the cell file what it comes from, or create another cell",
                    urn=change.urn,
                )


def _breaks(changes: Sequence[PropertyChange], path: str) -> bool:
    """Tell whether changes break an immutable path; what is not known yet breaks none."""
    known = [item for item in changes if item.after != UNKNOWN_TEXT]
    before = [one for item in known for one in immutable.held(path, item.path, item.before)]
    after = [one for item in known for one in immutable.held(path, item.path, item.after)]
    return not immutable.stays(path, before, after)
