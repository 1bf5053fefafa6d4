"""The model of `cellctl.yaml`: accounts and registry. Values only."""
# What pydantic's dataclass transform synthesises for each class holds Any; nothing written here does.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from cellctl import units
from cellctl.errors import Problem
from cellctl.spec.model import CloudName, Section

_AWS_ACCOUNT = re.compile(r"\d{12}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_STATE = ("s3://", "azblob://", "gs://", "file://", "https://")
_SECRETS = ("awskms://", "azurekeyvault://", "passphrase")
_LOGS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{2,62}\?region=[a-z]{2}(-[a-z]+)+-\d")
_KEY = re.compile(r"(ed25519|es256):[A-Za-z0-9+/]{43,44}=?")
_REGISTRY = ("postgresql+psycopg://", "sqlite:///")


class Identity(Section):
    """Who cellctl becomes in an account."""

    role: units.Reference
    """Role ARN to assume (AWS), or client id of the application for OIDC (Azure)."""


class ApprovalSection(Section):
    """What changes a cell must be approved by signature (`cellctl approve`)."""

    signers: tuple[units.Reference, ...] = Field(strict=False, min_length=1, max_length=50)
    """Public keys of those who may approve, as `cellctl approve --key KEY` prints them: ed25519:… or es256:…"""


class AccountSection(Section):
    """A real account: an AWS account or an Azure subscription."""

    cloud: CloudName
    """aws or azure."""
    id: units.Reference
    """AWS account id (12 digits, in quotes) or Azure subscription id."""
    tenant: units.Reference | None = None
    """Entra tenant id (Azure)."""
    administrators: units.Reference | None = None
    """Object id of the Entra group that administers databases; cellctl is in it (Azure)."""
    principal: units.Reference | None = None
    """Object id of whoever runs cellctl, which may then write secrets into vaults (Azure)."""
    sql_identity: units.Reference | None = None
    """Id of the managed identity as which SQL servers ask the directory; `cellctl account up` makes it (Azure)."""
    queue_role: units.Reference | None = None
    """Id of the role by which nodes read the key of their queue; `cellctl account up` makes it (Azure)."""
    private_zones: units.Reference | None = None
    """Id of the resource group whose private zones new cells and reefs link; `cellctl account up` makes it (Azure)."""
    regions: tuple[units.Reference, ...] = Field(default=(), strict=False, max_length=50)
    """Regions that cells may use; empty: any."""
    apply: Identity | None = None
    """Identity for changes."""
    preview: Identity | None = None
    """Identity for previews; it can read only."""
    state: units.Reference | None = None
    """URL of the Pulumi state, such as s3://bucket."""
    secrets: units.Reference | None = None
    """URL of the key that seals secrets in the state: awskms:// or azurekeyvault://."""
    logs: units.Reference | None = None
    """Where web load balancers write access logs: s3://BUCKET?region=REGION; `cellctl account up` prints it (AWS)."""
    reach: Literal["direct", "runner"] = "direct"
    """direct: cellctl reaches private endpoints from where it runs; runner: through a worker in the network."""
    control_cidr: units.Cidr | None = None
    """Range that cellctl runs in, admitted by the cells' rules."""
    approval: ApprovalSection | None = None
    """Who must approve what changes cells here; without it: whoever the home says."""


class DriftRule(Section):
    """A difference between state and cloud that is nobody's mistake: who answers for it, and until when."""

    path: units.Reference
    """Property, with * for anything: tags.costCenter, tags.*"""
    type: units.Reference = "*"
    """Resource type, with * for anything: azure-native:storage:*"""
    name: units.Reference = "*"
    """Name of the resource in the stack, with * for anything."""
    class_: Literal["customer_owned", "cloud_automation", "provider_noise"] = Field(
        default="customer_owned", alias="class"
    )
    """Whose doing it is."""
    owner: units.Reference
    """The team or person that answers for it."""
    until: units.Day
    """Last day that the rule holds; after it the difference is told again."""
    reason: units.Plain = ""
    """Why it differs."""


class PolicySection(Section):
    """A policy that does not hold somewhere: who answers for it, and until when."""

    policy: Literal["encryption", "public_access", "tls", "retention", "tags"]
    """Which policy."""
    type: units.Reference = "*"
    """Resource type, with * for anything: aws:rds/*"""
    name: units.Reference = "*"
    """Name of the resource in the stack, with * for anything."""
    cell: units.Reference = "*"
    """Name of the cell, with * for anything."""
    owner: units.Reference
    """The team or person that answers for it."""
    until: units.Day
    """Last day that it holds; after it the policy refuses again."""
    reason: units.Plain = ""
    """Why."""


class FreezeSection(Section):
    """A time when cells do not change. Without days it lasts until it is taken out of the file."""

    reason: units.Plain
    """Why; whoever is refused reads it."""
    owner: units.Reference
    """Whom to ask."""
    since: units.Day | None = None
    """First day, UTC; without it: since ever."""
    until: units.Day | None = None
    """Last day, UTC; without it: until it is taken out."""
    cell: units.Reference = "*"
    """Name of the cell, with * for anything."""
    labels: dict[units.LabelKey, units.Plain] = Field(default_factory=dict, max_length=20)
    """Only cells that have all of these labels."""
    operations: tuple[Literal["up", "down", "refresh"], ...] = Field(
        default=("up", "down", "refresh"), strict=False, min_length=1, max_length=3
    )
    """What is refused; `[down]` is a lock against deletion."""
    outside_window: bool = False
    """Refuse only what interrupts people, and only outside of each cell's `maintenance.window`."""


class HomeSection(Section):
    """cellctl.yaml, complete."""

    api_version: Literal["cellctl/v1"] = "cellctl/v1"
    """Version of the file format."""
    kind: Literal["Home"] = "Home"
    """Always Home."""
    accounts: dict[units.Slug, AccountSection] = Field(default_factory=dict, max_length=500)
    """Real accounts by name. `sandbox` always exists, is simulated, and cannot be named here."""
    registry: units.Reference | None = None
    """Database URL of the registry: postgresql+psycopg://HOST/NAME or sqlite:///PATH"""
    drift: tuple[DriftRule, ...] = Field(default=(), strict=False, max_length=500)
    """What `cellctl drift` does not count as somebody's edit."""
    policies: tuple[PolicySection, ...] = Field(default=(), strict=False, max_length=500)
    """Where a policy does not hold."""
    freezes: tuple[FreezeSection, ...] = Field(default=(), strict=False, max_length=500)
    """When cells do not change."""
    approval: ApprovalSection | None = None
    """Who must approve what changes cells, in every account that says nothing else, the sandbox too."""


def findings(home: HomeSection) -> Iterator[Problem]:
    """Yield what contradicts itself across the fields of a home."""
    for name, account in home.accounts.items():
        at = f"accounts.{name}"
        if name == "sandbox":
            yield Problem(message="sandbox always exists and is simulated; give a real account another name", field=at)
        yield from _identity(account, at)
        yield from _signers(account.approval, f"{at}.approval")
        if account.state and not account.state.startswith(_STATE):
            yield Problem(message=f"must begin with one of {', '.join(_STATE)}", field=f"{at}.state")
        if account.secrets and not account.secrets.startswith(_SECRETS):
            yield Problem(message=f"must begin with one of {', '.join(_SECRETS)}", field=f"{at}.secrets")
        if account.logs and (account.cloud != "aws" or not _LOGS.fullmatch(account.logs)):
            hint = "`cellctl account up` makes it and prints it; on Azure it makes a workspace"
            yield Problem(message="must be s3://BUCKET?region=REGION, on AWS", field=f"{at}.logs", hint=hint)
    yield from _signers(home.approval, "approval")
    if home.registry and not home.registry.startswith(_REGISTRY):
        yield Problem(message=f"must begin with one of {', '.join(_REGISTRY)}", field="registry")


def _signers(approval: ApprovalSection | None, at: str) -> Iterator[Problem]:
    for number, key in enumerate(approval.signers if approval else ()):
        if not _KEY.fullmatch(key):
            hint = "`cellctl approve --key FILE` prints that of a key"
            yield Problem(
                message="must be a public key, ed25519:… or es256:…", field=f"{at}.signers.{number}", hint=hint
            )


def _identity(account: AccountSection, at: str) -> Iterator[Problem]:
    roles = [(kind, found.role) for kind, found in (("apply", account.apply), ("preview", account.preview)) if found]
    return _on_aws(account, roles, at) if account.cloud == "aws" else _on_azure(account, roles, at)


def _on_aws(account: AccountSection, roles: list[tuple[str, str]], at: str) -> Iterator[Problem]:
    if not _AWS_ACCOUNT.fullmatch(account.id):
        yield Problem(message="must be an AWS account id: 12 digits in quotes", field=f"{at}.id")
    for kind, _ in _entra_ids(account):
        yield Problem(message="belongs to Azure", field=f"{at}.{kind}", hint="remove it")
    for kind, role in roles:
        if not re.fullmatch(rf"arn:aws[a-z-]*:iam::{re.escape(account.id)}:role/[\w+=,.@/-]+", role):
            message = f"must be the ARN of a role in account {account.id[:12]}"
            yield Problem(message=message, field=f"{at}.{kind}.role")


def _on_azure(account: AccountSection, roles: list[tuple[str, str]], at: str) -> Iterator[Problem]:
    if not _UUID.fullmatch(account.id):
        yield Problem(message="must be an Azure subscription id, a UUID", field=f"{at}.id")
    for kind, given in _entra_ids(account):
        if not _UUID.fullmatch(given):
            noun = "tenant" if kind == "tenant" else "object"
            yield Problem(message=f"must be an Entra {noun} id, a UUID", field=f"{at}.{kind}")
    for kind, role in roles:
        if not _UUID.fullmatch(role):
            yield Problem(message="must be a client id, a UUID", field=f"{at}.{kind}.role")


def _entra_ids(account: AccountSection) -> list[tuple[str, str]]:
    found = (("tenant", account.tenant), ("administrators", account.administrators), ("principal", account.principal))
    return [(kind, given) for kind, given in found if given is not None]
