"""Whether an account has room for what a plan creates, counted before anything is made.

Creations count, and replacements that make the new object before the old one goes; what a plan deletes goes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cellctl import facts
from cellctl.errors import Objection
from cellctl.facts.conditions import at
from cellctl.guard.case import Case, Need
from cellctl.plan import Change, Declared, Plan
from cellctl.state.values import UNKNOWN


def needs(plan: Plan, declared: Sequence[Declared]) -> Mapping[Need, int]:
    """Return how many objects a plan adds to each quota; a container that is not there yet has room."""
    created = {change.urn for change in plan.changes if _adds(change)} if plan.operation == "up" else set()
    found: dict[Need, int] = {}
    for item in declared:
        known = facts.of(item.type) if item.urn in created else None
        cloud, service = facts.place_of(item.type)
        for use in known.quotas if known is not None else ():
            quota = facts.service(cloud, service).quotas[use.name]
            inside = "" if quota.scope in ("region", "account", "global") else str(at(item.inputs, quota.scope) or "")
            amount = use.amount(quota, item.inputs)
            if amount and inside != UNKNOWN:
                need = Need(quota=f"{service}.{use.name}", inside=inside)
                found[need] = found.get(need, 0) + amount
    return found


def _adds(change: Change) -> bool:
    return change.action == "create" or (change.action == "replace" and not change.deletes_first)


def within_quotas(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse to begin what would stop half way for want of quota."""
    for need, count in needs(plan, case.declared).items():
        service, _, name = need.quota.partition(".")
        quota = facts.service(plan.cloud, service).quotas[name]
        usage = case.usage.get(need)
        used, limit = (usage.used or 0, usage.limit) if usage else (0, quota.default)
        told = usage is not None and not usage.because.startswith("the default")
        if used + count <= limit or (quota.raised and not told):
            continue
        where = f" in {need.inside}" if need.inside else f" of account {plan.account}"
        counted = usage is not None and usage.used is not None
        has = f"{used} are used" if counted else "what is used is not known here"
        because = usage.because if usage else "the default: nobody here can ask what the account was raised to"
        yield Objection(
            code="quota_exceeded",
            reason=f"quota {need.quota}{where} ({quota.code}): {has}, this takes {count} more, and {limit} are "
            f"allowed ({because})",
            remedy=_remedy(plan, need, used + count),
            flag="--override quota_exceeded",
        )


def _remedy(plan: Plan, need: Need, wanted: int) -> str:
    if plan.account == "sandbox":
        return f"cellctl sandbox quota {need.quota} {wanted}"
    asked = "in Service Quotas" if plan.cloud == "aws" else "under Usage + quotas of the subscription"
    return f"ask for {wanted} {asked}, use another account or region, or remove what is not needed"
