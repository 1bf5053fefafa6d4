"""AWS policy documents as values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cellctl_sandbox.iam.conditions import PolicyError, holds, known, matches

_ELEMENTS = {
    "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement. `principals` are `kind:value` (`Service:ec2.amazonaws.com`, `AWS:arn`, `*`); empty in identities'.

    `but_actions`, `but_resources`, `but_principals` are what NotAction, NotResource and NotPrincipal except.
    """

    allows: bool
    actions: tuple[str, ...] = ()
    but_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    but_resources: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    but_principals: tuple[str, ...] = ()
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    sid: str = ""

    def speaks_of(self, action: str, resource: str) -> bool:
        """Tell whether the statement is about an action on a resource."""
        lowered = action.lower()
        named = any(matches(one.lower(), lowered) for one in self.actions)
        if self.but_actions:
            named = not any(matches(one.lower(), lowered) for one in self.but_actions)
        if self.but_resources:
            return named and not any(matches(one, resource) for one in self.but_resources)
        return named and (not self.resources or any(matches(one, resource) for one in self.resources))

    def holds(self, context: Mapping[str, str]) -> bool:
        """Tell whether all conditions hold."""
        return all(holds(operator, key, wanted, context) for operator, key, wanted in self.conditions)


@lru_cache(maxsize=2048)
def parse(text: str) -> tuple[Statement, ...]:
    """Return the statements of a policy document.

    Raises:
        PolicyError: It is no policy document, or says something that the sandbox cannot judge.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PolicyError(f"a policy is not JSON: {error}") from None
    listed = document.get("Statement") if isinstance(document, dict) else None
    statements = listed if isinstance(listed, list) else [listed]
    return tuple(_statement(item) for item in statements)


def _statement(item: object) -> Statement:
    if not isinstance(item, dict) or item.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("a statement needs an Effect of Allow or Deny")
    unknown = sorted(set(item) - _ELEMENTS)
    if unknown:
        raise PolicyError(f"policy element '{unknown[0]}' is not known to the sandbox")
    return Statement(
        allows=item["Effect"] == "Allow",
        actions=_texts(item.get("Action")),
        but_actions=_texts(item.get("NotAction")),
        resources=_texts(item.get("Resource")),
        but_resources=_texts(item.get("NotResource")),
        principals=tuple(_principals(item.get("Principal"))),
        but_principals=tuple(_principals(item.get("NotPrincipal"))),
        conditions=tuple(_conditions(item.get("Condition"))),
        sid=str(item.get("Sid") or ""),
    )


def _principals(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for kind, names in value.items():
            for name in _texts(names):
                yield "*" if name == "*" else f"{kind}:{name}"
    elif value == "*":
        yield "*"
    elif value is not None:
        raise PolicyError("a Principal is '*' or a table")


def _conditions(value: object) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for operator, keys in (value if isinstance(value, dict) else {}).items():
        known(str(operator))
        if not isinstance(keys, dict):
            raise PolicyError(f"condition {operator} needs keys")
        for key, wanted in keys.items():
            yield str(operator), str(key), _texts(wanted)


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    listed = value if isinstance(value, list) else [value]
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in listed)
