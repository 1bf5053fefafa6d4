"""Many things in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def some(items: Sequence[str], most: int, quote: Callable[[str], str] = str) -> str:
    """Return the first `most` of them, and how many more there are.

    >>> some(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(map(quote, items[:most])) + more
