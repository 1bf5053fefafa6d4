"""Who reaches whom in the simulated accounts: what dials, nodes, probes and appliances are asked through."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.estate import Estate, Estates
from cellctl_sandbox.iam import PolicyError, services
from cellctl_sandbox.iam import aws as aws_roles
from cellctl_sandbox.iam import azure as azure_roles
from cellctl_sandbox.inventory import BOOT_S, INSTANCE
from cellctl_sandbox.network import aws_balancers, aws_functions, aws_nodes, azure_balancers, azure_nodes, azure_work
from cellctl_sandbox.network.addresses import is_address
from cellctl_sandbox.network.aws import AwsNetwork
from cellctl_sandbox.network.azure import AzureNetwork
from cellctl_sandbox.network.boot import boot_of
from cellctl_sandbox.network.entry import Entry
from cellctl_sandbox.network.first_boots import FirstBoots
from cellctl_sandbox.network.kept_secrets import KeptSecrets
from cellctl_sandbox.network.verdict import OPEN, Place, Verdict
from cellctl_sandbox.standins.cloud_view import CloudObject

CONTROL = Place(what="cellctl", address="10.255.0.4")
"""Where cellctl runs: in the range of account `sandbox`. The account attaches it to every cell's network."""

_BROUGHT = {"vault.azure.net": azure_roles.VAULT, "file.core.windows.net": "azure-native:storage:StorageAccount"}
"""Public suffix -> what may be there before any cell."""

TIMEOUT_S = 10.0
"""Simulated seconds until a client gives up on a connection that nobody answers. Source: estimate, 2026-11."""


class Reachability:
    """Answers for one sandbox. `cell` is whose network addresses belong to, `` for any cell's.

    `dialled_names` are the names and ports that cellctl has reached so far, in order.
    """

    def __init__(self, database: Database, clock: SimulatedClock, *, cell: str = "") -> None:
        self._database = database
        self._clock = clock
        self._cell = cell
        self._estates = Estates(database)
        self._boots = FirstBoots(database)
        self._lock = threading.Lock()
        self._judged: dict[tuple[str, ...], tuple[Estate, str]] = {}
        self._logged: dict[str, str] = {}
        self.dialled_names: dict[tuple[str, int], None] = {}

    def dialled(self, name: str, port: int) -> None:
        """Let cellctl dial a name from the control address.

        Raises:
            OSError: What a client meets: TimeoutError, ConnectionRefusedError, NameNotFound. The text names the hop.
        """
        verdict = self.check(name, port)
        if verdict.open:
            self.dialled_names[name, port] = None
            return
        self._log(name, port, verdict)
        if verdict.outcome == "timeout":
            self._clock.sleep(TIMEOUT_S)
        raise verdict.error()

    def check(self, name: str, port: int) -> Verdict:
        """Return whether cellctl reaches a name from the control address."""
        cell = self._cell or self._owner(name)
        if not cell or name.startswith("service:") or self._brought(name):
            return OPEN
        estate = self._estates.of(cell)
        return network_of(estate).reach(CONTROL, name, port)

    def entry(self, name: str, port: int) -> Entry | None:
        """Return the port of the load balancer that a name leads to; None if it leads to none."""
        cell = self._cell or self._owner(name)
        if not cell or name.startswith("service:"):
            return None
        network = network_of(self._estates.of(cell))
        if isinstance(network, AzureNetwork):
            return azure_balancers.entry(network, name, port, CONTROL)
        return aws_balancers.entry(network, name, port, CONTROL)

    def hindrance(self, machine: CloudObject) -> str:
        """Return why Octopus Server does not work on a machine, `` if nothing hinders it."""
        why = self._boot_failed(machine) if machine.type == INSTANCE else ""
        return f"its first boot failed, and does not come again: {why}" if why else self._hindered_now(machine)

    def _boot_failed(self, machine: CloudObject) -> str:
        """Return why the script of an instance ended early, `` if it did not, or has not come so far."""
        boot, now = boot_of(machine), self._clock.now()
        booted_s = machine.born_s + BOOT_S[boot.system] if boot else now
        if boot is None or now < booted_s:
            return ""
        why = self._boots.of(machine.id, lambda: self._met_at_boot(machine, booted_s))
        last_s = booted_s + boot.patience_s
        if why or now < last_s:
            return why
        return self._boots.of(f"{machine.id}/first", lambda: self._awaited(machine, last_s))

    def _awaited(self, machine: CloudObject, last_s: float) -> str:
        """Return why a script did not meet the first node until its last try."""
        why = aws_nodes.unmet(AwsNetwork(self._estates.at(machine.cell, last_s)), machine)
        return f"it gave up: {why}" if why else ""

    def _met_at_boot(self, machine: CloudObject, booted_s: float) -> str:
        """Return what kept the script of an instance from its end when it ran. For the first node it waits."""
        network = AwsNetwork(self._estates.at(machine.cell, booted_s))
        return aws_nodes.hindrance(network, machine, KeptSecrets.of(self._database), waits=True)

    def _hindered_now(self, machine: CloudObject) -> str:
        estate, kept = self._estates.of(machine.cell), KeptSecrets.of(self._database)
        return self._once(
            estate,
            (machine.cell, machine.id, *sorted(kept.written)),
            lambda: hindrance_of(network_of(estate), estate.find(machine.id) or machine, kept),
        )

    def queue_cut_off(self, machine: CloudObject, host: str, port: int) -> str:
        """Return why a node does not reach a queue, `` if it does."""
        estate = self._estates.of(machine.cell)
        return self._once(
            estate,
            (machine.cell, machine.id, "queue", host, str(port)),
            lambda: aws_nodes.queue_cut_off(AwsNetwork(estate), estate.find(machine.id) or machine, host, port),
        )

    def azure_queue_trouble(self, machine: CloudObject) -> str | None:
        """Return why its queue does not serve a node on Azure, `` if it does, None where its script names none."""
        estate = self._estates.of(machine.cell)
        return azure_nodes.queue_trouble(AzureNetwork(estate), estate.find(machine.id) or machine)

    def share_closed(self, machine: CloudObject, share: str) -> str:
        """Return why a node cannot mount a share, `` if it can."""
        estate = self._estates.of(machine.cell)
        return aws_nodes.share_closed(AwsNetwork(estate), estate.find(machine.id) or machine, share)

    def secret_unread(self, machine: CloudObject, secret: str) -> str:
        """Return why a node may not read a secret, `` if it may."""
        estate = self._estates.of(machine.cell)
        return aws_nodes.secret_unread(AwsNetwork(estate), estate.find(machine.id) or machine, secret)

    def running(self, function: CloudObject) -> aws_functions.Running:
        """Return what a function's code may do, and whom it reaches."""
        estate = self._estates.of(function.cell)
        return aws_functions.Running(estate, estate.one(function.type, function.id) or function)

    def schedule_trouble(self, schedule: CloudObject) -> str:
        """Return why a schedule starts nothing, `` if its function runs."""
        return aws_functions.starts(self._estates.of(schedule.cell), schedule)

    def appliance_hindrance(self, machine: CloudObject, endpoint: str) -> str:
        """Return why a gateway's appliance cannot talk to its service, `` if it can."""
        estate = self._estates.of(machine.cell)
        return self._once(
            estate,
            (machine.cell, machine.id, endpoint),
            lambda: aws_nodes.appliance_hindrance(AwsNetwork(estate), machine, endpoint),
        )

    def boot_hindrance(self, cell: str, machine: str) -> str:
        """Return why the script on a machine fails, `` if it does not."""
        found = self._estates.of(cell).find(machine)
        return self._hindered_now(found) if found else ""

    def trouble(self, cell: str, type: str, id: str) -> str:
        """Return why a service cannot do its work with an object, `` if it can.

        Raises:
            PolicyError: A policy says something that the sandbox cannot judge.
        """
        judge = {**azure_work.WORK, **aws_functions.WORK}.get(type)
        if judge is None and type not in services.WORK:
            return ""
        estate = self._estates.of(cell)
        item = estate.one(type, id)
        if item is None:
            return ""
        return judge(estate, item) if judge else services.trouble(estate, item)

    def settles_s(self, cell: str) -> float | None:
        """Return when the next object of a cell is found by all, None if nothing is hidden from anybody."""
        return self._estates.of(cell).settles_s

    def share_trouble(self, share: CloudObject) -> str:
        """Return why a gateway cannot use a file share's bucket, `` if it can."""
        try:
            return self.trouble(share.cell, share.type, share.id)
        except PolicyError as error:
            return str(error)

    def vault_refusal(self, vault: CloudObject, principal: str, action: str) -> str:
        """Return why a principal may not read or write a vault's secrets, `` if it may."""
        estate = self._estates.of(vault.cell)
        seen = estate.seen_by("service:keyvault")
        return next(azure_roles.vault_lacks(seen, principal, action, estate.find(vault.id)), "")

    def operator_refusal(self, cell: str, action: str, resource: str) -> str:
        """Return why whoever runs cellctl may not act on a resource of AWS, `` if they may."""
        try:
            return aws_roles.operator_lacks(self._estates.of(cell), action, resource)
        except PolicyError as error:
            return str(error)

    def _brought(self, name: str) -> bool:
        """Tell whether a name is that of a vault or an account that no cell made: it is open to whoever may."""
        host, _, suffix = name.lower().partition(".")
        kind = _BROUGHT.get(suffix, "")
        return any(
            item.id.rpartition("/")[2].lower() == host for item in (self._estates.of("").all(kind) if kind else ())
        )

    def _once(self, estate: Estate, asked: tuple[str, ...], judge: Callable[[], str]) -> str:
        """Return what was judged, and judge only when the estate is another one: clients ask at each poll."""
        with self._lock:
            kept = self._judged.get(asked)
        if kept is None or kept[0] is not estate:
            kept = (estate, judge())
            with self._lock:
                self._judged[asked] = kept
        return kept[1]

    def _owner(self, name: str) -> str:
        """Return the only cell that a name can belong to, `` if there is none or more than one."""
        if is_address(name):
            return ""
        rows = self._database.rows(
            "SELECT DISTINCT cell FROM objects WHERE gone_s IS NULL AND instr(lower(outputs), ?) > 0", (name.lower(),)
        )
        return str(rows[0][0]) if len(rows) == 1 else ""

    def _log(self, name: str, port: int, verdict: Verdict) -> None:
        """Write a line of the call log, once for each new reason."""
        key, outcome = f"{name}:{port}", f"{verdict.outcome}: {verdict.why}"
        with self._lock:
            if self._logged.get(key) == outcome:
                return
            self._logged[key] = outcome
        with self._database.transaction() as rows:
            rows.execute(
                "INSERT INTO calls (at_s, due_s, pid, operation, package, type, urn, object, outcome) "
                "SELECT now_s, now_s, 0, 'dial', '', ?, '', '', ? FROM clock",
                (key, outcome),
            )


def network_of(estate: Estate) -> AwsNetwork | AzureNetwork:
    """Return the network of a cell's cloud."""
    return AzureNetwork(estate) if estate.package == "azure-native" else AwsNetwork(estate)


def hindrance_of(network: AwsNetwork | AzureNetwork, machine: CloudObject, kept: KeptSecrets) -> str:
    """Return why Octopus Server does not work on a machine in a network, `` if nothing hinders it."""
    if isinstance(network, AzureNetwork):
        return azure_nodes.hindrance(network, machine, kept)
    return aws_nodes.hindrance(network, machine, kept)
