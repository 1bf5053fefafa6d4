"""What an Octopus licence allows, read from its XML."""

from __future__ import annotations

import re

UNLIMITED = 1_000_000
"""How many nodes a licence allows that sets no end."""
_NODE_LIMIT = re.compile(r"<NodeLimit>\s*(\d{1,6}|Unlimited)\s*</NodeLimit>", re.IGNORECASE)


def node_limit(licence: str) -> int:
    """Return how many nodes a licence allows: 1 if it says nothing (reference/octopus.md 40)."""
    found = _NODE_LIMIT.search(licence)
    if found is None:
        return 1
    return int(found[1]) if found[1].isdigit() else UNLIMITED
