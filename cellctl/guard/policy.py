"""The policy pack: what every cell must satisfy, judged on what its program declares (`cellctl.facts.policies`).

The same here and in CI, because it judges the preview and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase

from cellctl.errors import Objection
from cellctl.facts.conditions import Condition, at, every
from cellctl.facts.policies import CODES, Policy, policies
from cellctl.guard.case import Case
from cellctl.guard.exceptions import PolicyException
from cellctl.plan import Declared, Plan
from cellctl.state.values import UNKNOWN, Struct, Value


def policy_pack(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse what is declared against a policy, unless an exception that has not ended says who answers for it."""
    today = datetime.fromtimestamp(case.now, UTC).date()
    by_type: dict[str, list[Declared]] = {}
    for item in case.declared:
        by_type.setdefault(item.type, []).append(item)
    for policy in policies(plan.cloud) if by_type else ():
        for item in by_type.get(policy.type, ()):
            if _satisfied(policy, item, by_type.get(policy.beside, ())):
                continue
            known = [one for one in case.exceptions if _about(one, policy, item, plan.cell)]
            if not any(today <= one.until for one in known):
                yield _objection(policy, item, known)


def _satisfied(policy: Policy, item: Declared, beside: Iterable[Declared]) -> bool:
    if not policy.when.holds(item.inputs):
        return True
    if policy.beside:
        return any(_belongs(other, item) and _holds(policy.require, other.inputs) for other in beside)
    enough = any if policy.some else all
    return enough(_good(policy, inputs) for inputs in _judged(policy, item.inputs))


def _judged(policy: Policy, inputs: Struct) -> Iterator[Struct]:
    """Yield what is judged: the inputs, or each element; one that is no table is told as its `value`."""
    if not policy.each:
        yield inputs
        return
    for element in every(inputs, policy.each):
        yield element if isinstance(element, dict) else {"value": element}


def _good(policy: Policy, inputs: Struct) -> bool:
    if policy.forbid is not None and policy.forbid.holds(inputs):
        return False
    if policy.at:
        number = at(inputs, policy.at)
        return number == UNKNOWN or (isinstance(number, int | float) and number >= policy.least)
    return _holds(policy.require, inputs)


def _holds(condition: Condition, inputs: Struct) -> bool:
    """Tell whether every entry holds or is not known yet."""
    return all(
        at(inputs, path) == UNKNOWN or Condition(((path, wanted),)).holds(inputs) for path, wanted in condition.entries
    )


def _belongs(other: Declared, item: Declared) -> bool:
    """Tell whether a resource is about another: it has its name and parent, or names it."""
    names: list[Value] = [item.inputs.get("bucket"), item.name]
    return (other.name, other.parent) == (item.name, item.parent) or other.inputs.get("bucket") in names


def _about(one: PolicyException, policy: Policy, item: Declared, cell: str) -> bool:
    pairs = ((policy.code, one.policy), (item.type, one.type), (item.name, one.name), (cell, one.cell))
    return all(fnmatchcase(text, pattern) for text, pattern in pairs)


def _objection(policy: Policy, item: Declared, ended: list[PolicyException]) -> Objection:
    last: date | None = max((one.until for one in ended), default=None)
    since = f"; the exception of {ended[-1].owner} ended on {last}" if last else ""
    return Objection(
        code=CODES[policy.code],
        reason=f"{item.name} ({item.type}) {policy.says}{since}",
        remedy=f"{policy.remedy}; or name an exception in cellctl.yaml, with its owner and last day",
        flag=f"--override {CODES[policy.code]}",
        urn=item.urn,
    )
