"""What a stack records of its maker, and which maker's stacks this cellctl must leave alone (DESIGN section 12)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from cellctl.errors import GuardError, Objection

TEMPLATE = 6
"""Raised whenever the programs declare something else for a cell file that did not change."""
CHECKPOINT = 4
"""The newest schema of checkpoints that is read and written (`cellctl.state.checkpoint`)."""
_PACKAGES = {"aws": "pulumi-aws", "azure": "pulumi-azure-native"}


def versions(cloud: str) -> dict[str, str]:
    """Return the versions of everything that makes a plan and a stack of a cloud."""
    return {
        "cellctl": installed("cellctl"),
        "template": str(TEMPLATE),
        "checkpoint": str(CHECKPOINT),
        "pulumi": installed("pulumi"),
        cloud: installed(_PACKAGES.get(cloud, "")),
    }


@cache
def installed(package: str) -> str:
    """Return the version of an installed package, `` where there is none."""
    try:
        return version(package) if package else ""
    except PackageNotFoundError:
        return ""


def refuse_newer(name: str, made_by: Mapping[str, str]) -> None:
    """Refuse a stack that a newer cellctl made: an older one would undo what that one did, or not understand it.

    Raises:
        GuardError: Minor version, template or checkpoint schema is newer than this cellctl's (code `stack_newer`).
    """
    ours = versions("")
    newer = [
        f"{key} {made_by[key]} (here {ours[key]})"
        for key in ("cellctl", "template", "checkpoint")
        if _minor(made_by.get(key, "")) > _minor(ours[key])
    ]
    if newer:
        raise GuardError(
            [
                Objection(
                    code="stack_newer",
                    reason=f"'{name}' was made by a newer cellctl: {', '.join(newer)}",
                    remedy=f"pip install --upgrade 'cellctl>={made_by.get('cellctl') or ours['cellctl']}'",
                )
            ]
        )


def _minor(text: str) -> tuple[int, ...]:
    """Return major and minor as numbers that compare; what is none counts as nothing."""
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
