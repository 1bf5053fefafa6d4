"""ClaimedShare: a bucket + share pair of a reef's gateway that a cell has claimed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cellctl_components.layout import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedShare:
    """One pair, in the registry's words."""

    share: str
    share_arn: str
    bucket: str


def claimed_of(given: Json) -> Iterator[ClaimedShare]:
    """Yield the pairs that a place names besides its first one."""
    for one in given if isinstance(given, list | tuple) else ():
        if isinstance(one, Mapping):
            yield ClaimedShare(
                share=str(one.get("share")), share_arn=str(one.get("share_arn")), bucket=str(one.get("bucket"))
            )
