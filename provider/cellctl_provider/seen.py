"""What a look into an account found, whichever cloud it is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "missing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One thing looked at (`cellctl.doctor.Finding`)."""

    subject: str
    level: Level
    message: str
    remedy: str = ""
