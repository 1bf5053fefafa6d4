"""What a real account has of what cells there need: plugins, roles, zones, images, quotas, state, key, and ways in.

Looks only, as the account's own roles; `install` alone puts plugins of the exact versions into the home. Who looks into
a cloud is named by a string, as its SDK is not loaded before.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Protocol, cast

from cellctl.doctor.findings import Finding, Level
from cellctl.doctor.plugins import plugins
from cellctl.doctor.sites import sites
from cellctl.errors import CellctlError, UsageError
from cellctl.facts.accounts import Needs, needs
from cellctl.run.options import RunOptions
from cellctl.verify.outputs import OPEN_ENTRIES, database_of, entries_of, nodes_of

if TYPE_CHECKING:
    from cellctl.home import Account, Home

INSPECTORS = {
    "aws": "cellctl_provider.aws.inspection:inspect",
    "azure": "cellctl_provider.azure.inspection:inspect",
}
_DIAL_S = 5.0


class Seen(Protocol):
    """What an inspector yields: a Finding by another name."""

    subject: str
    level: Level
    message: str
    remedy: str


class Inspect(Protocol):
    """Looks into an account of one cloud; never raises."""

    def __call__(
        self,
        *,
        account: str,
        roles: Mapping[str, str],
        regions: Sequence[str],
        state: str,
        secrets: str,
        needs: Needs,
        tenant: str,
        private_zones: str,
        environment: Mapping[str, str],
    ) -> Iterable[Seen]:
        """Yield what is there and what is not; arguments as `cellctl.yaml` has them.

        `environment` proves this machine's identity where the cloud's SDK does not find it.
        """


def examine_account(home: Home, name: str, *, environment: Mapping[str, str], install: bool = False) -> list[Finding]:
    """Return every finding on an account of `cellctl.yaml`; `environment` proves this machine's identity to it.

    Raises:
        UsageError: There is no such account (code `no_account`), or it is the sandbox (code `simulated`).
    """
    account = home.settings.account(name)
    if account.simulated:
        raise UsageError(
            "account 'sandbox' is simulated: there is nothing to look at", hint="cellctl doctor", code="simulated"
        )
    return [
        *plugins(home, account, environment=environment, install=install),
        *_inside(account, environment),
        *sites(home, account, environment),
        *_ways_in(home, account, RunOptions(environment=environment)),
    ]


def _inside(account: Account, environment: Mapping[str, str]) -> Iterator[Finding]:
    inspect = cast("Inspect", resolve_name(INSPECTORS[account.cloud]))
    roles = {"preview": account.preview_role, "apply": account.apply_role}
    found = inspect(
        account=account.id, roles=roles, regions=account.regions, state=account.state, secrets=account.secrets,
        needs=needs(account.cloud), tenant=account.tenant, private_zones=account.private_zones, environment=environment,
    )  # fmt: skip
    for seen in found:
        yield Finding(subject=seen.subject, level=seen.level, message=seen.message, remedy=seen.remedy)


def _ways_in(home: Home, account: Account, options: RunOptions) -> Iterator[Finding]:
    """Dial from this machine what cellctl dials of each cell that is there, as `verify` and provider `cellctl` do.

    States that are in no folder are asked of the CLI on the PATH of `options.environment`.
    """
    from cellctl.cell import cells
    from cellctl.run.status import outputs

    there = [cell for cell in cells(home, options=options) if cell.account == account.name and cell.state == "up"]
    if not there:
        message = "no cell is up there yet, so no port could be tried: the first `up` needs them"
        yield Finding(subject="reach", level="note", message=message)
    for cell in there:
        try:
            found = outputs(home, cell.name, options=options)
        except CellctlError as error:
            yield Finding(subject=cell.name, level="warning", message=error.summary, remedy=error.hint)
            continue
        closed = [where for where in _dialled(found) if not _open(*where)]
        for host, port in closed:
            yield Finding(
                subject=cell.name,
                level="missing",
                message=f"{host}:{port} cannot be reached from this machine",
                remedy=f"run cellctl where it can, inside {account.control_cidr or 'the control range'}",
            )
        if not closed:
            yield Finding(subject=cell.name, level="ok", message="every port that cellctl dials can be reached")


def _dialled(outputs: Mapping[str, object]) -> Iterator[tuple[str, int]]:
    for node in nodes_of(outputs):
        yield node.address, node.port
    database = database_of(outputs)
    if database is not None:
        yield database.server, database.port
    for key in OPEN_ENTRIES:
        for entry in entries_of(outputs, key):
            yield entry.host, entry.port


def _open(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _DIAL_S).close()
    except OSError:
        return False
    return True
