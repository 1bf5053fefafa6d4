"""An account's own stack, and how many cells its quotas carry: the default ones, or those it has and what is in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Literal, cast

from cellctl.engine.hosts import quota_reader
from cellctl.errors import UsageError
from cellctl.facts.capacity import Shape, Takes, capacity
from cellctl.home.cells import DEFAULT_REGIONS
from cellctl.run import up as run_up

if TYPE_CHECKING:
    from cellctl.engine.ports import SandboxControl
    from cellctl.home import Account, Home
    from cellctl.plan import Outcome
    from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions
    from cellctl.spec.account import AccountSpec
    from cellctl.state.values import Value

Placement = Literal["reef", "shared", "dedicated"]
"""Where cells are; `shared`: on reefs whose load balancers their cells share."""

REEF_CELLS, PORTS = 50, 5
_HOSTS = {"aws": ("db.m6i.xlarge", "always_on"), "azure": ("GP_Gen5_4", "zone_redundant")}
"""A reef as `cellctl reef up` writes it: the shape that a look at quotas counts with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaFit:
    """One quota: its limit, what so many cells need of it, and the first cell that has no room, 0 if all have.

    `used` is what the account has in use, None where nobody asked or could; `because` where the limit comes from, and
    `doubt` why it is not the account's own, `` where it is or where no account was asked.
    """

    quota: str
    limit: int
    needed: int
    breaks_at: int
    used: int | None = None
    because: str = "the default"
    doubt: str = ""


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
    """Bring up what an account needs before any other stack. Arguments and errors: `cellctl.account.Account.up`."""
    spec = spec_of(home, name, cloud=cloud, region=region)
    return run_up.up(home, spec, ask, options=options, on_event=on_event, interrupter=interrupter)


def spec_of(home: Home, name: str, *, cloud: str, region: str) -> AccountSpec:
    """Return the spec of an account's base; cloud and region by default as `cellctl.yaml` has them.

    Raises:
        UsageError: `cellctl.yaml` does not name it, or it is on another cloud.
    """
    from cellctl.spec.account import AccountSpec

    account = home.account(name)
    on = cloud_of(account, cloud)
    return AccountSpec.of(name, cloud=on, region=region or _region(account, on))


def quotas(
    cloud: str,
    cells: int,
    placement: Placement,
    *,
    home: Home | None = None,
    account: str = "",
    region: str = "",
    environment: Mapping[str, str] | None = None,
) -> Sequence[QuotaFit]:
    """Return what `cells` cells need of each quota; reefs have the size that `cellctl reef up` writes.

    Without `account` these are the defaults. An account of `home` is asked what it was raised to and what is in use, in
    `region` or its first one, as the role that only looks; `environment` proves this machine's identity to Azure.

    `placement` `shared`: on reefs whose load balancers their cells share.

    Raises:
        UsageError: There is no such account, it is on another cloud, or cells there share no load balancers (code
            `no_level`).
    """
    known = capacity(cloud)
    if placement == "shared" and not known.shared:
        message = f"cells on {cloud} have load balancers of their own"
        raise UsageError(message, hint="--placement reef", code="no_level")
    databases = known.databases_of(*_HOSTS[cloud])
    shape = Shape(
        reef_cells=REEF_CELLS,
        gateway_cells=known.gateway_slots,
        host_cells=databases - known.reserve_of(databases),
        web_cells=known.shared["web"].places() if "web" in known.shared else 1,
        polling_cells=known.shared["polling"].places(PORTS) if "polling" in known.shared else 1,
    )
    told = _told(home, account, cloud, region, environment or {}) if home is not None and account else _defaults
    return [_fit(takes, cells, placement, shape, told(takes.quota)) for takes in known.takes]


def _fit(takes: Takes, cells: int, placement: str, shape: Shape, told: Mapping[str, Value]) -> QuotaFit:
    found, used = told.get("limit"), told.get("used")
    limit = int(found) if isinstance(found, int) else takes.limit
    room = limit - (int(used) if isinstance(used, int) else 0)
    return QuotaFit(
        quota=takes.quota,
        limit=limit,
        needed=takes.needed(cells, placement, shape),
        breaks_at=next((n for n in range(1, cells + 1) if takes.needed(n, placement, shape) > room), 0),
        used=int(used) if isinstance(used, int) else None,
        because=str(told.get("because") or "the default"),
        doubt=str(told.get("doubt") or ""),
    )


def _defaults(quota: str) -> Mapping[str, Value]:
    del quota
    return {}


def _told(
    home: Home, name: str, cloud: str, region: str, environment: Mapping[str, str]
) -> Callable[[str], Mapping[str, Value]]:
    """Return what tells an account's numbers of a quota."""
    account = home.account(name)
    where = region or _region(account, cloud)
    if cloud_of(account, cloud) and account.simulated:
        return _simulated(home, cloud, where)
    role = account.looks_as
    reader = quota_reader(cloud, account=account.id, role=role, tenant=account.tenant, environment=environment)
    if reader is None or not role:
        doubt = f"cellctl.yaml names no role for {name} to ask as" if not role else f"nothing here can ask {cloud}"
        return lambda _quota: {"doubt": doubt, "because": "the default"}
    return lambda quota: reader.usage(quota, inside="", region=where) or {}


def _simulated(home: Home, cloud: str, region: str) -> Callable[[str], Mapping[str, Value]]:
    """Return what tells the numbers of the sandbox's account."""
    for entry in entry_points(group="cellctl.sandboxes"):
        control = cast("SandboxControl", entry.load()(home.root))
        rows = [row for row in control.quotas(everything=True) if row["cloud"] == cloud]
        found = {row["quota"]: row for row in rows if row["region"] in ("*", region, "account", "global")}
        return lambda quota: cast("Mapping[str, Value]", found.get(quota, {}))
    return _defaults


def cloud_of(account: Account, cloud: str) -> str:
    """Return the cloud that an account is on, `cloud` where it is on both.

    Raises:
        UsageError: It is on another one, or nothing says on which (code `which_cloud`).
    """
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


def _region(account: Account, cloud: str) -> str:
    return account.regions[0] if account.regions else DEFAULT_REGIONS[cloud]
