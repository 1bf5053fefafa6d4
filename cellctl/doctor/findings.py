"""What a look at something found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "missing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing looked at: `missing` stops something from working, `remedy` says how to get it."""

    subject: str
    level: Level
    message: str
    remedy: str = ""
