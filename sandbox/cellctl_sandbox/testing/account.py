"""A look at one simulated cloud, behind the program's back: its objects, its call log, its quotas; and drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from cellctl.state.values import bare_struct
from cellctl_sandbox.clouds.records import CloudRecord
from cellctl_sandbox.clouds.view import records
from cellctl_sandbox.control import Control
from cellctl_sandbox.testing.outcome import shown_struct

PACKAGES = {"azure": "azure-native"}
State = Literal["creating", "available", "deleting"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedObject:
    """One object of a simulated cloud, as it is now; secrets are masked unless they were asked for.

    `properties` are the outputs with the echoed inputs, as a program sees them. `name` is what the cloud calls it;
    `urn` is the resource that made it, `` where nothing did.
    """

    type: str
    id: str
    name: str
    urn: str
    account: str
    region: str
    state: State
    inputs: Mapping[str, object] = field(default_factory=dict)
    properties: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def logical_name(self) -> str:
        """Logical name of the resource that made it."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call that the cloud got. Times are simulated seconds; `outcome` is `ok`, or error code and message."""

    operation: str
    type: str
    name: str
    urn: str
    object_id: str
    outcome: str
    at_s: float
    due_s: float

    @property
    def ok(self) -> bool:
        """Whether the cloud accepted it."""
        return self.outcome == "ok"


class Cloud:
    """One simulated cloud of a sandbox; all accounts and regions of it."""

    def __init__(self, package: str, control: Control) -> None:
        self.package = PACKAGES.get(package, package)
        self._control = control

    def objects(self, type: str = "*", *, name: str = "*", secrets: bool = False) -> tuple[SimulatedObject, ...]:
        """Return the objects that exist now, oldest first.

        Args:
            type: Glob over type tokens: `aws:s3/bucket:Bucket`, `aws:rds/*`.
            name: Glob over logical names and over the names that the cloud has.
            secrets: Show secrets in clear.
        """
        now = self._control.now()
        found = [item for item in records(self._control.database) if item.tenancy.package == self.package]
        return tuple(
            _object(item, now, secrets)
            for item in found
            if fnmatchcase(item.type, type)
            and (fnmatchcase(item.name, name) or fnmatchcase(item.urn.rpartition("::")[2], name))
        )

    def find(self, which: str, *, secrets: bool = False) -> SimulatedObject:
        """Return one object by id, URN, logical name or name.

        Raises:
            LookupError: There is none, or more than one; the message lists what there is.
        """
        everything = self.objects(secrets=secrets)
        for names in (("id", "urn"), ("logical_name", "name")):
            found = [item for item in everything if which in [getattr(item, name) for name in names]]
            if len(found) == 1:
                return found[0]
            if found:
                break
        listed = ", ".join(f"{item.type} {item.id}" for item in found or everything)
        raise LookupError(f"{len(found)} objects of {self.package} are '{which}': {listed or 'it is empty'}")

    def calls(self, *, op: str = "*", type: str = "*", name: str = "*") -> tuple[Call, ...]:
        """Return the calls that the cloud got, oldest first; globs over operation, type token and logical name."""
        made = [_call(row) for row in self._control.calls() if row["package"] == self.package]
        return tuple(
            item
            for item in made
            if fnmatchcase(item.operation, op) and fnmatchcase(item.type, type) and fnmatchcase(item.name, name)
        )

    def edit(self, which: str, path: str, value: object) -> None:
        """Change a property behind everybody's back; value None removes it. Arguments as of `find`.

        The path is dotted: `tags.owner`, `ingress.0.fromPort`.
        """
        self._control.edit(self.find(which).id, path, value)

    def delete(self, which: str) -> None:
        """Delete an object behind everybody's back."""
        self._control.edit(self.find(which).id, "", None)

    def set_quota(self, name: str, maximum: int, *, account: str = "*", region: str = "*") -> None:
        """Allow at most so many objects; names are those of the data, for example `rds.sqlserver-instances`."""
        self._control.set_quota(self.package, name, maximum, account=account, region=region)


def _object(record: CloudRecord, now: float, secrets: bool) -> SimulatedObject:
    show = bare_struct if secrets else shown_struct
    place = record.tenancy
    return SimulatedObject(
        type=record.type,
        id=record.id,
        name=record.name,
        urn=record.urn,
        account=place.account,
        region=place.region,
        state="deleting" if record.gone_s is not None else "creating" if record.born_s > now else "available",
        inputs={key: value for key, value in show(record.inputs).items() if not key.startswith("__")},
        properties=show(record.properties()),
    )


def _call(row: Mapping[str, object]) -> Call:
    urn = str(row["urn"])
    return Call(
        operation=str(row["operation"]),
        type=str(row["type"]),
        name=urn.rpartition("::")[2],
        urn=urn,
        object_id=str(row["object"]),
        outcome=str(row["outcome"]),
        at_s=float(str(row["at_s"])),
        due_s=float(str(row["due_s"])),
    )
