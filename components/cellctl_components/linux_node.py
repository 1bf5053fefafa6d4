"""What the scripts of Linux nodes have in common on both clouds: proof that files are shared, containers, the unit.

Octopus Server runs as a container of its own image (reference/octopus.md 2.3), as the account that shares give files
to, with no rights that it does not need. Each cloud's `bootstrap.sh` says how a node reads its facts and secrets,
mounts its shares and is told where the database is.
"""

from __future__ import annotations

from importlib.resources import files

PATHS = {
    "packages": "/repository",
    "artifacts": "/artifacts",
    "task-logs": "/taskLogs",
    "imports": "/imports",
    "event-exports": "/eventExports",
    "cluster": "/clusterShared",
}
"""Kind of file -> where it is in the container; the image's own mount points (reference/octopus.md 2.3)."""

_PARTS = ("kinds", "container", "unit")


def assembled(template: str) -> str:
    """Return a cloud's script with the common parts at their marks."""
    for part in _PARTS:
        text = files("cellctl_components").joinpath(f"linux_{part}.sh").read_text(encoding="utf-8")
        template = template.replace(f"@@{part}@@", text.rstrip("\n"))
    return template
