"""An account's own stack, and how many cells its default quotas carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cellctl.errors import UsageError
from cellctl.facts.capacity import Shape, capacity
from cellctl.run import up as run_up

if TYPE_CHECKING:
    from cellctl.home import Account, Home
    from cellctl.plan import Outcome
    from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions

HOST_SIZE, HOST_MODE, REEF_CELLS, PORTS = "db.m6i.xlarge", "always_on", 50, 5
"""A reef as `cellctl reef up` writes it: the shape that a look at quotas counts with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaFit:
    """One quota: its default, what so many cells need of it, and the first cell that has no room, 0 if all have."""

    quota: str
    limit: int
    needed: int
    breaks_at: int


def up(
    home: Home,
    name: str,
    ask: Ask,
    *,
    cloud: str,
    region: str,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Outcome:
    """Bring up what an account needs before any other stack: arguments and errors as `Cell.up`.

    Raises:
        UsageError: `cellctl.yaml` does not name it, or it is on another cloud.
    """
    from cellctl.spec.account import AccountSpec

    account = home.account(name)
    spec = AccountSpec.of(name, cloud=_cloud(account, cloud), region=region or _region(account))
    return run_up.up(home, spec, ask, options=options, on_event=on_event, interrupter=interrupter)


def quotas(cloud: str, cells: int, placement: Literal["reef", "shared", "dedicated"]) -> Sequence[QuotaFit]:
    """Return what `cells` cells need of each default quota; reefs have the size that `cellctl reef up` writes.

    `shared`: on reefs whose load balancers their cells share.
    """
    known = capacity(cloud)
    databases = known.databases_of(HOST_SIZE, HOST_MODE)
    shape = Shape(
        reef_cells=REEF_CELLS,
        gateway_cells=known.gateway_slots,
        host_cells=databases - known.reserve_of(databases),
        web_cells=known.shared["web"].places() if "web" in known.shared else 1,
        polling_cells=known.shared["polling"].places(PORTS) if "polling" in known.shared else 1,
    )
    return [
        QuotaFit(
            quota=takes.quota,
            limit=takes.limit,
            needed=takes.needed(cells, placement, shape),
            breaks_at=next((n for n in range(1, cells + 1) if takes.needed(n, placement, shape) > takes.limit), 0),
        )
        for takes in known.takes
    ]


def _cloud(account: Account, cloud: str) -> str:
    if account.cloud and cloud and cloud != account.cloud:
        raise UsageError(
            f"account '{account.name}' is on {account.cloud}", hint="leave --cloud out", code="cloud_differs"
        )
    found = account.cloud or cloud
    if not found:
        raise UsageError(
            "the sandbox has both clouds", hint="cellctl account up sandbox --cloud aws", code="which_cloud"
        )
    return found


def _region(account: Account) -> str:
    return account.regions[0] if account.regions else "eu-west-1"
