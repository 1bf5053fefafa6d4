"""How addresses are counted in the subnets of cells and reefs. Values only.

Azure keeps the first four addresses of a subnet, and the last (learn.microsoft.com, virtual networks FAQ).
"""

from __future__ import annotations

RESERVED = 4
"""Azure keeps the first four addresses of a subnet (and the last)."""

FIRST_ADDRESS = 10
"""Offset of the first node in its subnet; what lies between is free for later."""

NODES_OF_PLACE = 3
"""Addresses that a place on a reef has in each zone: a cell has at most eight nodes, in turn over three zones."""

ADDRESSES_OF_PLACE = 9
"""Addresses that it has where one subnet spans all zones."""

PLACES_OF_HOST = 64
"""Places that are kept for each host, more than its databases ever are: a place's number decides its addresses."""
