"""Condition operators of AWS policies. An operator that is not known here is an error, never an allowance."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache


class PolicyError(ValueError):
    """A policy document cannot be judged: it has an element or an operator that the sandbox does not know."""


def matches(pattern: str, value: str) -> bool:
    """Tell whether a value matches a pattern with `*` and `?`, as AWS reads them."""
    return bool(_compiled(pattern).fullmatch(value))


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = ("." if part == "?" else ".*" if part == "*" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.DOTALL)


def _address(wanted: str, value: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


_POSITIVE: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringEqualsIgnoreCase": lambda wanted, value: wanted.casefold() == value.casefold(),
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
    "NumericEquals": lambda wanted, value: float(value) == float(wanted),
    "NumericLessThan": lambda wanted, value: float(value) < float(wanted),
    "NumericLessThanEquals": lambda wanted, value: float(value) <= float(wanted),
    "NumericGreaterThan": lambda wanted, value: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda wanted, value: float(value) >= float(wanted),
    "IpAddress": _address,
}
_NEGATIVE: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "NotIpAddress": "IpAddress",
}
OPERATORS = frozenset({*_POSITIVE, *_NEGATIVE, "Null"})


def known(operator: str) -> str:
    """Return an operator without its suffix.

    Raises:
        PolicyError: The sandbox does not know it.
    """
    base = operator.removesuffix("IfExists")
    if base not in OPERATORS:
        raise PolicyError(f"condition operator '{operator}' is not known to the sandbox")
    return base


def holds(operator: str, key: str, wanted: tuple[str, ...], context: Mapping[str, str]) -> bool:
    """Tell whether one line of a condition holds. Keys are compared without regard to case.

    A missing key fails what asks for a value, and passes what excludes one and what ends in IfExists.
    """
    base = known(operator)
    value = next((text for name, text in context.items() if name.casefold() == key.casefold()), None)
    if base == "Null":
        return (value is None) is (wanted == ("true",))
    if value is None:
        return operator.endswith("IfExists") or base in _NEGATIVE
    if base in _NEGATIVE:
        compare = _POSITIVE[_NEGATIVE[base]]
        return not any(compare(one, value) for one in wanted)
    return any(_POSITIVE[base](one, value) for one in wanted)
