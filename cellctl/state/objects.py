"""Small objects beside the states of an account, in the same bucket, each written only over what was read of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """An object as it was read: `tag` is `` and `data` empty where there was none; `now` is the store's time."""

    data: bytes
    tag: str
    now: float


class Objects(Protocol):
    """A store of small objects; where it cannot be asked each method raises EngineError (code `leases_unreachable`)."""

    def read(self, name: str) -> Stored:
        """Return an object."""

    def write(self, name: str, data: bytes, *, over: str) -> bool:
        """Write an object over the one with the tag `over`, `` for none; tell whether that was there still."""
