"""What a CellDatabase is to be, from its inputs; and what Check and Diff know of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cellctl.state.values import Struct, Value, bare, contains_secret, contains_unknown
from cellctl_provider import inputs as common
from cellctl_provider.inputs import Field
from cellctl_provider.protocol import Check, Checked, CheckFailure
from cellctl_provider.sql.names import (
    COLLATION_PATTERN,
    DATABASE_PATTERN,
    GUID_PATTERN,
    PRINCIPAL_PATTERN,
    SERVER_PATTERN,
)

DEFAULT_COLLATION = "SQL_Latin1_General_CP1_CI_AS"
MARKER = "cellctl:owner"
"""Name of the extended property that says whose the database is."""

OUTPUTS = ("owner", "databaseId", "provenAgainst", "haMode")

_PRINCIPAL = "starts with a letter, then letters, digits, `_`, `.`, `-`; at most 128"
FIELDS = (
    Field(name="engine", kind="text", required=True, pattern="rds|azure-sql", reason="must be rds or azure-sql",
          replaces=True),
    Field(name="region", kind="text"),
    Field(name="server", kind="text", required=True, pattern=SERVER_PATTERN, replaces=True,
          reason="must be a DNS name"),
    Field(name="port", kind="whole", default=1433),
    Field(name="database", kind="text", required=True, pattern=DATABASE_PATTERN, replaces=True,
          reason="must be octo_<cell>_g<generation>, in lower case"),
    Field(name="administrator", kind="text", pattern=PRINCIPAL_PATTERN, reason=_PRINCIPAL),
    Field(name="administratorSecret", kind="text"),
    Field(name="administratorPassword", kind="text"),
    Field(name="login", kind="text", pattern=PRINCIPAL_PATTERN, reason=_PRINCIPAL),
    Field(name="loginSecret", kind="text"),
    Field(name="loginSecretVersion", kind="text"),
    Field(name="loginPassword", kind="text"),
    Field(name="formerLogin", kind="text", pattern=PRINCIPAL_PATTERN, reason=_PRINCIPAL),
    Field(name="identity", kind="text", pattern=PRINCIPAL_PATTERN, reason=_PRINCIPAL),
    Field(name="identityClientId", kind="text", pattern=GUID_PATTERN, reason="must be a GUID"),
    Field(name="collation", kind="text", default=DEFAULT_COLLATION, pattern=COLLATION_PATTERN, replaces=True,
          reason="must be a case-insensitive (_CI_) collation"),
    Field(name="readCommittedSnapshot", kind="truth", default=True),
    Field(name="masterKeyFingerprint", kind="text"),
    Field(name="probeDatabase", kind="text", pattern=r"[^\x00-\x1f]{1,128}", reason="must be the name of a database"),
    Field(name="acceptDataLoss", kind="truth", default=False),
)  # fmt: skip
"""Inputs of `cellctl:sql:CellDatabase`."""

_SECRET_FIELDS = ("administratorPassword", "loginPassword")
_RESERVED_LOGINS = {"sa", "dbo", "guest", "public", "sys", "rdsa", "rdsadmin"}


def checked(request: Check) -> Checked:
    """Return the inputs with defaults, or everything that is wrong with them. Pure."""
    result = common.check(FIELDS, request)
    failures = [*result.failures, *_contradictions(result.inputs)]
    return Checked(inputs=result.inputs, failures=tuple(failures))


def _contradictions(inputs: Struct) -> list[CheckFailure]:
    failures = []
    for key in _SECRET_FIELDS:
        value = inputs.get(key)
        if value is not None and not contains_secret(value) and not contains_unknown(value):
            failures.append(CheckFailure(property=key, reason="must be a Pulumi secret; better give a reference"))
    if ("login" in inputs) == ("identity" in inputs):
        failures.append(CheckFailure(property="login", reason="give either login or identity"))
    if "login" in inputs and not {"loginSecret", "loginPassword"} & set(inputs):
        failures.append(CheckFailure(property="loginSecret", reason="is required with login"))
    former, login = bare(inputs.get("formerLogin")), bare(inputs.get("login"))
    if former is not None and (login is None or str(former).casefold() == str(login).casefold()):
        failures.append(CheckFailure(property="formerLogin", reason="is of another login than the one of now"))
    if "identity" in inputs and "identityClientId" not in inputs:
        failures.append(CheckFailure(property="identityClientId", reason="is required with identity"))
    if bare(inputs.get("engine")) == "rds":
        failures += _on_rds(inputs)
    name = bare(inputs.get("login"))
    if isinstance(name, str) and (name.casefold() in _RESERVED_LOGINS or name == bare(inputs.get("administrator"))):
        failures.append(CheckFailure(property="login", reason="is the administrator's or the server's own"))
    return failures


def _on_rds(inputs: Struct) -> list[CheckFailure]:
    failures = []
    if "identity" in inputs:
        failures.append(CheckFailure(property="identity", reason="RDS for SQL Server knows no managed identities"))
    if not {"administratorSecret", "administratorPassword"} & set(inputs) or "administrator" not in inputs:
        reason = "RDS needs administrator with administratorSecret"
        failures.append(CheckFailure(property="administrator", reason=reason))
    return failures


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The inputs as values; passwords are secrets and not in the repr."""

    engine: Literal["rds", "azure-sql"]
    server: str
    port: int
    database: str
    collation: str
    owner: str
    administrator: str = ""
    administrator_secret: str = ""
    administrator_password: str = field(default="", repr=False)
    login: str = ""
    login_secret: str = ""
    login_password: str = field(default="", repr=False)
    former_login: str = ""
    identity: str = ""
    identity_client_id: str = ""
    read_committed_snapshot: bool = True
    probe_database: str = ""
    accept_data_loss: bool = False

    @property
    def id(self) -> str:
        """Return the resource's id: `server:port/database`."""
        return f"{self.server}:{self.port}/{self.database}"

    @property
    def user(self) -> str:
        """Return the name of the database user."""
        return self.login or self.identity


def wanted(values: Mapping[str, Value], *, owner: str) -> Wanted:
    """Return what inputs or outputs say; `owner` marks the database as this resource's."""
    port = bare(values.get("port"))
    engine: Literal["rds", "azure-sql"] = "azure-sql" if common.text(values, "engine") == "azure-sql" else "rds"
    return Wanted(
        engine=engine,
        server=common.needed(values, "server"),
        port=int(port) if isinstance(port, int | float) else 1433,
        database=common.needed(values, "database"),
        collation=common.text(values, "collation") or DEFAULT_COLLATION,
        owner=owner,
        administrator=common.text(values, "administrator"),
        administrator_secret=common.text(values, "administratorSecret"),
        administrator_password=common.text(values, "administratorPassword"),
        login=common.text(values, "login"),
        login_secret=common.text(values, "loginSecret"),
        login_password=common.text(values, "loginPassword"),
        former_login=common.text(values, "formerLogin"),
        identity=common.text(values, "identity"),
        identity_client_id=common.text(values, "identityClientId"),
        read_committed_snapshot=bare(values.get("readCommittedSnapshot")) is not False,
        probe_database=common.text(values, "probeDatabase"),
        accept_data_loss=common.truth(values, "acceptDataLoss"),
    )


def owner_of(urn: str) -> str:
    """Return the marker of a resource: its project, stack and name, which no rename of a parent changes."""
    parts = urn.split("::")
    return "::".join((re.sub(r"^urn:pulumi:", "", parts[0]), parts[1], parts[-1])) if len(parts) >= 4 else urn
