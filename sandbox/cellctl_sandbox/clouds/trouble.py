"""What keeps an object from coming into service once it is made; who knows is told to the provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cellctl_sandbox.clouds.records import CloudRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Why, and how many simulated seconds the provider waits before it says so.

    `settles_s` is when something may be found that is hidden from the service still, None if nothing is.
    """

    why: str
    after_s: float = 0.0
    settles_s: float | None = None


class Services(Protocol):
    """Plays what services do with objects."""

    def trouble(self, record: CloudRecord) -> Trouble | None:
        """Return what keeps an object that exists now from coming into service; None if nothing does."""
