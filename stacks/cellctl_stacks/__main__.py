"""The program of a cell for `pulumi preview` by hand: reads from the stack's config what cellctl wrote there.

    cd HOME/.cellctl/pulumi/cell-acme      # Pulumi.cell-acme.yaml holds the cell
    pulumi config set accountId 123456789012
    pulumi preview --stack cell-acme       # with `main:` of Pulumi.yaml pointing at this package

Config: `cell`, the record that `cellctl up` keeps (spec and incarnation); `accountId`, the AWS account or Azure
subscription; optional `role`, `tenant`, `administrators` and `controlCidr` (see `cellctl.clouds.AccountFacts`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pulumi

from cellctl.clouds import AccountFacts, Level, Wanted, declaring, load
from cellctl.errors import UsageError

RECORD = "cellctl"
"""Stack output that says which cellctl made the stack, from which spec: a run by hand must not drop it."""


def main() -> None:
    """Declare the cell or reef that the stack's config describes.

    Raises:
        UsageError: The config holds no cell.
        SpecError: The cloud cannot do what the spec asks.
    """
    config = pulumi.Config("octopus-cells")
    record = _record(config.get("cell") or "")
    spec, incarnation, place = record.get("spec"), record.get("incarnation", 1), record.get("place")
    site = record.get("site")
    wanted = Wanted(
        level=_level(record),
        spec=spec if isinstance(spec, dict) else {},
        incarnation=incarnation if isinstance(incarnation, int) else 1,
        place=place if isinstance(place, dict) else None,
        site=site if isinstance(site, dict) else None,
    )
    body = wanted.spec.get("spec")
    where = body if isinstance(body, dict) else {}
    account = _account(config, sandbox=where.get("account") == "sandbox")
    born = record.get("born", 5 if "versions" in record else account.born)  # of before, nobody said it
    zones = str(record.get("privateZones") or "")
    account = replace(account, born=born if isinstance(born, int) else account.born, private_zones=zones)
    declaring(load(str(where.get("cloud"))), wanted, account)()
    pulumi.export(RECORD, record)


def _level(record: Mapping[str, object]) -> Level:
    found = record.get("level")
    return "reef" if found == "reef" else "account" if found == "account" else "cell"


def _record(text: str) -> dict[str, object]:
    try:
        record: object = json.loads(text) if text else None
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("spec"), dict):
        raise UsageError(
            "this stack's config holds no cell",
            hint="run `cellctl preview CELL` once: it writes `octopus-cells:cell` into Pulumi.cell-CELL.yaml",
            code="no_cell_in_config",
        )
    return record


def _account(config: pulumi.Config, *, sandbox: bool) -> AccountFacts:
    known = AccountFacts(id=config.require("accountId"), sandbox=sandbox)
    return AccountFacts(
        id=known.id,
        sandbox=sandbox,
        tenant=config.get("tenant") or "",
        role=config.get("role") or "",
        changes_as=config.get("changesAs") or config.get("role") or "",
        administrators=config.get("administrators") or "",
        control_cidr=config.get("controlCidr") or known.control_cidr,
    )


if __name__ == "__main__":
    main()
