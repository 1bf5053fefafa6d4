"""What an alarm watches and how it stands, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AlarmState = Literal["ok", "alarm", "no_data", "gone", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmStatus:
    """One alarm of a cell or reef.

    `watches`: the metric, and of what; `when` it is bad; `says` what that means. `state`: `gone` is an alarm that the
    cloud does not have any more, `unknown` one that nobody could ask of; `why` is what was seen, or why nothing was.
    """

    name: str
    watches: str
    when: str
    says: str
    state: AlarmState
    why: str = ""
