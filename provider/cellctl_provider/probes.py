"""Where an observer may look at a step of an operation: the points at which crashes differ in what they leave behind.

A probe sees and may wait or end the process; it changes nothing. Nobody observes unless a host says so: that is how
crash safety is explored (docs/crash-safety.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Place = Literal["before_call", "before_change", "after_change", "after_call", "saving", "saved"]
"""Before the provider is called, and after it answered but before that is in the checkpoint (the engine's process);
before the cloud changed, and after it did (the provider's process); when the checkpoint that holds what is recorded of
the step is about to be written, and when it is in place but nobody goes on yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One point of one run. `operation` is what happens to `urn`; `part` tells calls and records of it apart."""

    place: Place
    operation: str
    urn: str
    part: str = ""


Probe: TypeAlias = Callable[[Moment], None]


def unobserved(moment: Moment) -> None:
    """Look at nothing: the default of every `probe`."""
