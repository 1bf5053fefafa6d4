"""An AccountSpec resolved for Azure: the names of what a subscription needs before any other stack. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellctl.errors import SpecError
from cellctl.facts.permissions import looks, merged, permissions
from cellctl_components import naming
from cellctl_components.azure import facts, refusals
from cellctl_components.azure.names import distinct
from cellctl_components.layout import Json, json_object

if TYPE_CHECKING:
    from cellctl.spec.account import AccountSpec

CONTAINER, KEY = "states", "pulumi-states"


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountLayout:
    """A subscription's names. `looks` and `changes` are the actions of cellctl's two roles; `sku` of the states."""

    cell: str
    account: str
    region: str
    tags: Mapping[str, str]
    resource_group: str
    storage_account: str
    sku: str
    vault: str
    workspace: str
    preview_identity: str
    apply_identity: str
    sql_identity: str
    looks: Sequence[str]
    changes: Sequence[str]
    cloud: str = "azure"

    def to_json(self) -> Mapping[str, Json]:
        """Return all of it as JSON-like data, equal for equal layouts."""
        return json_object(self)


def account_layout(spec: AccountSpec, *, incarnation: int = 1) -> AccountLayout:
    """Return the layout of a subscription.

    Raises:
        SpecError: Azure has no such region, or it has no availability zones.
    """
    problems = list(refusals.region_of(spec))
    if problems:
        raise SpecError(problems)
    name, region = spec.metadata.name, spec.spec.region
    who = (name, region, str(incarnation))
    actions = merged((looks("azure"), *permissions("azure").values()))
    plain = name.replace("-", "")
    return AccountLayout(
        cell=f"account-{name}",
        account=name,
        region=region,
        tags={"cellctl:subscription": name, "managed-by": "cellctl"},
        resource_group=naming.fitted(f"rg-cellctl-{name}", 90, *who),
        storage_account=naming.distinct(f"stcellctl{plain}", 24, *who, separator=""),
        # A copy in the paired region where there is one: the states say what is where, and nothing else does.
        sku="Standard_GZRS" if facts.paired_region(region) else "Standard_ZRS",
        vault=distinct("kv-cellctl", name, 24, who),
        workspace=distinct("log-cellctl", name, 63, who),
        preview_identity=distinct("id-cellctl-preview", name, 64, who),
        apply_identity=distinct("id-cellctl-apply", name, 64, who),
        sql_identity=distinct("id-cellctl-sql", name, 64, who),
        looks=actions.read,
        changes=actions.write,
    )
