"""The program of a small world: declares the things of `small.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pulumi

from cellctl.state.values import Value

if TYPE_CHECKING:
    from cellctl_sandbox.testing.small_world import World

TYPE = "small:index:Thing"


class Labelled(Protocol):
    """What a program needs of `metadata`."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Free labels."""


class CellSpec(Protocol):
    """What a layout needs of a CellSpec; the sandbox does not import the library's."""

    @property
    def metadata(self) -> Labelled:
        """Who the cell is."""


class Provider(pulumi.ProviderResource):
    """The explicit provider of package `small`."""

    def __init__(self, name: str) -> None:
        super().__init__("small", name, {}, pulumi.ResourceOptions(version="1.0.0"))


class Thing(pulumi.CustomResource):
    """One thing."""

    address: pulumi.Output[str]

    def __init__(self, name: str, props: Mapping[str, object], opts: pulumi.ResourceOptions) -> None:
        super().__init__(TYPE, name, {"address": None, **props}, opts)


@dataclass(frozen=True, kw_only=True)
class SmallLayout:
    """What a program is told."""

    cell: str
    cloud: str
    account: str
    region: str
    labels: Mapping[str, str]

    def to_json(self) -> Mapping[str, Value]:
        """Return it as data."""
        return {"cell": self.cell, "cloud": self.cloud, "account": self.account, "region": self.region, **self.labels}


class SmallCloud:
    """A cloud as `cellctl.clouds` sees one."""

    def __init__(self, world: World, cell: str, cloud: str) -> None:
        self.name = cloud
        self._world, self._cell = world, cell

    @property
    def reefs(self) -> SmallCloud:
        """A reef declares the same things."""
        return self

    @property
    def accounts(self) -> SmallCloud:
        """An account does too."""
        return self

    def layout(
        self,
        spec: CellSpec,
        *,
        incarnation: int = 1,
        place: Mapping[str, Value] | None = None,
        site: Mapping[str, Value] | None = None,
    ) -> SmallLayout:
        """Return a layout."""
        del incarnation, place, site
        return SmallLayout(
            cell=self._cell,
            cloud=self.name,
            account="sandbox",
            region="eu-west-1",
            labels=spec.metadata.labels,
        )

    def program(self, layout: SmallLayout, account: object) -> None:
        """Declare the things."""
        del account
        provider = Provider("small")
        made: dict[str, Thing] = {}
        for row in self._world.settings().get("things", []):
            made[str(row["name"])] = _declare(row, provider, made, layout.labels)
        pulumi.export("url", f"https://{layout.cell}.example.com")
        for name, thing in made.items():
            pulumi.export(name, thing.address)


def _declare(
    row: Mapping[str, Value], provider: Provider, made: Mapping[str, Thing], labels: Mapping[str, str]
) -> Thing:
    """Declare one thing; a label of the cell, if it has the property's name, wins over the value in the file."""
    props: dict[str, object] = {key: labels.get(key, row[key]) for key in ("size", "fixed") if key in row}
    if "of" in row:
        props["of"] = made[str(row["of"])].address
    if "secret" in row:
        props["password"] = pulumi.Output.secret(row["secret"])
    options = pulumi.ResourceOptions(provider=provider, protect=bool(row.get("protect")))
    return Thing(str(row["name"]), props, options)
