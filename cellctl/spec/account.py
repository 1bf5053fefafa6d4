"""The model of an account's own stack. It has no file: `cellctl.yaml` names the account."""
# What pydantic's dataclass transform synthesises for each class holds Any; nothing written here does.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import Field

from cellctl import units
from cellctl.spec.model import CloudName, Section


class AccountMetadata(Section):
    """Which account this is."""

    name: units.Slug
    """Name of the account in cellctl.yaml."""
    labels: dict[units.LabelKey, units.Plain] = Field(default_factory=dict, max_length=20)
    """Always empty."""


class AccountBody(Section):
    """Where the account's base is."""

    cloud: CloudName
    """aws or azure."""
    account: units.Slug
    """Name of the account in cellctl.yaml."""
    region: units.Reference
    """Region of the states and of the key that seals them."""


class AccountSpec(Section):
    """An account's base, complete."""

    api_version: Literal["cellctl/v1"] = "cellctl/v1"
    """Version of the format."""
    kind: Literal["Account"] = "Account"
    """Always Account."""
    metadata: AccountMetadata
    """Which account this is."""
    spec: AccountBody
    """Where its base is."""

    @classmethod
    def of(cls, name: str, *, cloud: str, region: str) -> AccountSpec:
        """Return the spec of an account of `cellctl.yaml`."""
        body = {"cloud": cloud, "account": name, "region": region}
        return cls.model_validate({"metadata": {"name": name}, "spec": body})

    def to_json(self) -> dict[str, object]:
        """Return the whole spec as JSON-like data."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self) -> str:
        """Return the sha256, in hex, of the canonical JSON."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
