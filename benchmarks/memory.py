"""Memory of a process, from /proc."""

from __future__ import annotations

from pathlib import Path

KEYS = {"VmHWM": "peak_mb", "VmRSS": "rss_mb", "Pss": "pss_mb"}


def memory_of(pid: int) -> dict[str, float]:
    """Return peak and present resident set and the proportional set of a process, in MB."""
    text = "".join(Path(f"/proc/{pid}/{name}").read_text() for name in ("status", "smaps_rollup"))
    rows = (line.split() for line in text.splitlines())
    return {KEYS[row[0][:-1]]: int(row[1]) / 1024 for row in rows if row and row[0][:-1] in KEYS}
