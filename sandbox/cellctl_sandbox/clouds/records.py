"""Objects of the simulated clouds as they are stored, and where a provider works."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from cellctl.state.values import Struct, Value, bare
from cellctl_provider.protocol import ErrorCode, ProviderError
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.stages import NOTHING, Timeline

COLUMNS = "uid, package, account, region, type, id, name, urn, cell, inputs, outputs, born_s, gone_s, stages"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenancy:
    """Where a provider works: package, account (or subscription), region and tenant."""

    package: str
    account: str
    region: str
    tenant: str = ""
    default_tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudRecord:
    """One object as it is stored; `inputs` and `outputs` keep their secret wrappers.

    `timeline` is the last call that changed it.
    """

    uid: str
    tenancy: Tenancy
    type: str
    id: str
    name: str
    urn: str
    cell: str
    inputs: Struct
    outputs: Struct
    born_s: float
    gone_s: float | None = None
    timeline: Timeline = NOTHING

    def properties(self) -> Struct:
        """Return inputs and outputs together, as a provider answers."""
        return {**self.inputs, **self.outputs}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that was refused at `at_s` and is repeated at `again_s` (simulated seconds)."""

    at_s: float
    again_s: float
    said: str


def refused(message: str, code: ErrorCode) -> ProviderError:
    """Return the error for something the cloud does not allow."""
    return ProviderError(message, code=code)


def cell_of(urn: str) -> str:
    """Return the cell whose stack a URN belongs to: stack `cell-NAME` is cell `NAME`, other stacks are themselves.

    >>> cell_of("urn:pulumi:cell-acme::octopus-cells::aws:ec2/vpc:Vpc::vpc")
    'acme'
    """
    return urn.removeprefix("urn:pulumi:").partition("::")[0].removeprefix("cell-")


def counted(rows: sqlite3.Connection, key: str) -> int:
    """Return how often something was counted in this sandbox, this time included."""
    statement = "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
    return int(rows.execute(statement, (key,)).fetchone()[0])


def package_of(cloud: str) -> str:
    """Return the package of a cloud as people name it: `azure` is `azure-native`; anything else stays."""
    return "azure-native" if cloud == "azure" else cloud


def record_of(database: Database, row: tuple[object, ...], tenant: str = "") -> CloudRecord:
    """Return a row of `COLUMNS` as a record."""
    texts = [str(item) for item in row[:9]]
    uid, package, account, region, kind, id_, name, urn, cell = texts
    return CloudRecord(
        uid=uid,
        tenancy=Tenancy(package=package, account=account, region=region, tenant=tenant),
        type=kind,
        id=id_,
        name=name,
        urn=urn,
        cell=cell,
        inputs=database.load(row[9]),
        outputs=database.load(row[10]),
        born_s=float(str(row[11])),
        gone_s=None if row[12] is None else float(str(row[12])),
        timeline=Timeline.load(str(row[13])),
    )


def plain(values: Mapping[str, Value]) -> Struct:
    """Return values without secret wrappers."""
    return {key: bare(item) for key, item in values.items()}
