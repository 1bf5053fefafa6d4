"""The JSON schema of a Plan as `preview --format json` prints it, and the model that it is made of."""
# What pydantic synthesises for each class holds Any; nothing written here does.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

ActionName = Literal["create", "update", "replace", "delete", "same", "read", "import", "refresh"]


class _Exact(BaseModel):
    """Nothing else is in it, and all of it is there."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Money(_Exact):
    """USD a month at list prices."""

    before: float
    after: float


class PropertyDocument(_Exact):
    """One property; `[secret]` stands for what is secret, `known after apply` for what is not known yet."""

    path: str
    before: JsonValue
    after: JsonValue
    kind: Literal["add", "update", "delete"]
    replaces: bool


class ChangeDocument(_Exact):
    """One resource; `needed_by` are URNs of what depends on it directly, `needed_by_more` counts the rest."""

    urn: str
    type: str
    name: str
    action: ActionName
    stateful: bool
    blocked_by: Literal["", "protect"]
    replace_keys: list[str]
    diff: list[PropertyDocument]
    parent: str
    custom: bool
    needed_by: list[str]
    needed_by_more: int
    deletes_first: bool
    downtime: Literal["", "none", "brief", "outage"]
    downtime_why: str
    expected_s: float | None
    expected_from: Literal["", "history", "facts"]
    monthly_usd: Money


class DiagnosticDocument(_Exact):
    """What engine, provider or program said."""

    severity: Literal["info", "warning", "error"]
    message: str
    urn: str


class ObjectionDocument(_Exact):
    """Why a guard would refuse, what to do, and the flag that allows it."""

    code: str
    reason: str
    remedy: str
    flag: str
    urn: str


class PlanDocument(_Exact):
    """A Plan. `hash` is of this plan alone, `semantic_hash` is equal for cells that would change the same."""

    format_version: Literal["1"]
    cell: str
    cloud: str
    account: str
    operation: Literal["up", "down", "refresh"]
    complete: bool
    applyable: bool
    errored: bool
    hash: str
    semantic_hash: str
    spec_digest: str
    checkpoint_digest: str
    versions: dict[str, str]
    changes: list[ChangeDocument]
    diagnostics: list[DiagnosticDocument]
    objections: list[ObjectionDocument]
    summary: dict[str, int]
    monthly_usd: Money


def plan_schema() -> dict[str, object]:
    """Return the JSON schema of a Plan."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PlanDocument.model_json_schema()}
