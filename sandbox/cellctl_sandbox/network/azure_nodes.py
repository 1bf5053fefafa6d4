"""What keeps an Octopus node on Azure from starting: whom it cannot reach, and what it may not use."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl_sandbox.estate import Estate, text, value
from cellctl_sandbox.iam.azure import IDENTITY, boots, keys_of_queue, on_secret
from cellctl_sandbox.network.addresses import is_private
from cellctl_sandbox.network.azure import AzureNetwork
from cellctl_sandbox.network.azure_names import machine_place
from cellctl_sandbox.network.boot import Boot, boot_of, not_shared
from cellctl_sandbox.network.kept_secrets import KeptSecrets
from cellctl_sandbox.network.needs import needs_of
from cellctl_sandbox.network.verdict import Place, Verdict, shut
from cellctl_sandbox.standins.cloud_view import CloudObject

RUN_COMMAND = "azure-native:compute:VirtualMachineRunCommandByVirtualMachine"
QUEUE = "azure-native:redisenterprise:Database"
SHARE = "azure-native:storage:FileShare"


def hindrance(network: AzureNetwork, machine: CloudObject, kept: KeptSecrets) -> str:
    """Return why Octopus Server does not start on a machine, `` if nothing hinders it."""
    boot = boot_of(machine)
    if boot is None:
        return ""
    place = machine_place(network.estate, machine)
    found = (
        *_hindrances(network, place, boot),
        *boots(network.estate, machine, boot.client, boot.vault, (boot.account, *boot.accounts.values())),
        *_certificate(network.estate, boot),
        *filter(None, (kept.missing_in(network.estate, boot.vault, name) for name in boot.secrets)),
    )
    return found[0] if found else ""


def _certificate(estate: Estate, boot: Boot) -> Iterator[str]:
    """Yield why a node may not read its certificate."""
    who = next((item for item in estate.all(IDENTITY) if item.text("clientId") == boot.client), None)
    if boot.certificate and who is not None:
        yield from filter(
            None, [on_secret(estate.seen_by("service:keyvault"), who.text("principalId"), boot.certificate)]
        )


def queue_trouble(network: AzureNetwork, machine: CloudObject) -> str | None:
    """Return why its queue does not serve a node, `` if it does, None where its script names none."""
    boot = boot_of(machine)
    if boot is None or not boot.queue[0]:
        return None
    host, port, database = boot.queue
    queue = network.estate.one(QUEUE, database)
    cluster = network.estate.find(database.rpartition("/databases/")[0])
    if queue is None or cluster is None or text(cluster, "hostName") != host:
        return f"no queue answers at {host}"
    if text(queue, "clientProtocol") != "Encrypted":
        return f"{host} does not speak TLS"
    if value(queue, "port") != port or text(queue, "evictionPolicy") != "NoEviction":
        return f"{host} does not answer on port {port}, or evicts what it holds"
    refused = keys_of_queue(network.estate, boot.client, queue) if text(queue, "accessKeysAuthentication") else ""
    verdict = _privately(network, machine_place(network.estate, machine), host, port)
    return refused or ("" if verdict.open else f"cannot reach the queue {host}: {verdict.why}")


def _hindrances(network: AzureNetwork, place: Place, boot: Boot) -> Iterator[str]:
    private = (
        *((host, 445, "the file shares") for host in (boot.files, *boot.accounts)),
        (boot.server, boot.port, "the database"),
        (boot.vault, 443, "the vault"),
        *([(*boot.queue[:2], "the queue")] if boot.queue[0] else ()),
    )
    for name, port, what in private:
        verdict = _privately(network, place, name, port)
        if not verdict.open:
            yield f"cannot reach {what} {name}: {verdict.why}"
    needed = [
        ("management.azure.com", 443),
        *((need.to, port) for need in needs_of(boot.installs) for port in need.ports),
    ]
    for name, port in needed:
        verdict = network.reach(place, name, port)
        if not verdict.open:
            yield f"cannot reach {name}: {verdict.why}"
    yield from _files(network.estate, boot)
    queue = network.estate.one(QUEUE, boot.queue[2]) if boot.queue[0] else None
    if queue is not None:
        yield from filter(None, [keys_of_queue(network.estate, boot.client, queue)])
    if boot.queue[0] and "cluster" not in {kind for kind, _ in boot.folders}:
        yield "nodes that share a queue need a cluster shared directory on a file share"
    if not boot.leads:
        first = next(filter(None, (_led(network.estate, item) for item in network.estate.all(RUN_COMMAND))), None)
        why = not_shared(boot, first) if first else "the database has no schema: the first node has not made it"
        yield from [why] if why else []


def _led(estate: Estate, command: CloudObject) -> Boot | None:
    """Return what a machine was told on which a boot script ran, if it is the one that makes the schema."""
    machine = estate.find(command.id.rsplit("/", 2)[0])
    boot = boot_of(machine) if machine else None
    return boot if boot is not None and boot.leads else None


def _privately(network: AzureNetwork, place: Place, name: str, port: int) -> Verdict:
    """Return whether a name is reached, and by a private address: the boot script insists."""
    verdict = network.reach(place, name, port)
    public = [one for one in network.names(name, place).places if not is_private(one.address)]
    return shut(f"it resolves to a public address ({public[0].what})") if verdict.open and public else verdict


def _files(estate: Estate, boot: Boot) -> Iterator[str]:
    accounts = {boot.files: boot.account, **boot.accounts}
    shares = {item.id.lower() for item in estate.all(SHARE)}
    for id in accounts.values():
        account, name = estate.find(id), id.rpartition("/")[2]
        if account is None:
            yield f"there is no storage account {name}"
        elif account.properties.get("allowSharedKeyAccess") is False:
            yield f"storage account {name} takes no keys"
    for _, place in boot.folders:
        host, _, share = place.partition("/")
        if host not in accounts:
            yield f"nothing says which storage account answers at {host}"
        elif f"{accounts[host]}/fileServices/default/shares/{share}".lower() not in shares:
            yield f"there is no file share {share}"
