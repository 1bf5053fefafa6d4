"""Options that are valid and that this version cannot do yet. Shrinks with every milestone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl.errors import NotYet, Problem

if TYPE_CHECKING:
    from cellctl.spec.model import CellSpec


def not_yet(spec: CellSpec) -> list[Problem]:
    """Return every option of `spec` that a later version brings, each with what works now."""
    body = spec.spec
    asked = (
        (
            body.placement != "dedicated" and body.database.failover is not None,
            "database.failover",
            "a copy in another region of a database in a pool comes later",
            "no failover",
        ),
        (
            body.storage.authentication == "identity",
            "storage.authentication",
            "pulumi-azure-native 3.29.0 cannot turn it on (its StorageAccount speaks API 2024-01-01, and "
            "azureFilesIdentityBasedAuthentication.smbOAuthSettings came with 2025-01-01)",
            "authentication: key",
        ),
        (body.storage.backend == "fsx", "storage.backend", "FSx for Windows comes later", "backend: gateway"),
    )
    return [
        Problem(message=f"not yet: {message}", field=f"spec.{field}", hint=f"use {instead}")
        for wanted, field, message, instead in asked
        if wanted
    ]


def refuse_pending(spec: CellSpec, *, file: str = "") -> None:
    """Raise NotYet, which names every option of `spec` that a later version brings; do nothing if there is none."""
    problems = not_yet(spec)
    if problems:
        fields = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
        hint = "; ".join(problem.hint for problem in problems)
        raise NotYet(f"{file or spec.metadata.name}: {fields}", hint=hint, problems=problems)
