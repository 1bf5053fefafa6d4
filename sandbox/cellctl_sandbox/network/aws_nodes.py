"""What keeps an Octopus node on AWS from starting: whom it cannot reach, and what it may not use."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl_sandbox.estate import text, texts
from cellctl_sandbox.iam.services import reads_secrets
from cellctl_sandbox.network import aws_groups, aws_names
from cellctl_sandbox.network.addresses import within
from cellctl_sandbox.network.aws import AwsNetwork
from cellctl_sandbox.network.aws_routes import SUBNET, VPC
from cellctl_sandbox.network.boot import Boot, boot_of, not_shared
from cellctl_sandbox.network.kept_secrets import KeptSecrets
from cellctl_sandbox.network.needs import Need, needs_of
from cellctl_sandbox.network.verdict import Place, Verdict
from cellctl_sandbox.standins.cloud_view import CloudObject

NFS_SHARE = "aws:storagegateway/nfsFileShare:NfsFileShare"
SMB_SHARE = "aws:storagegateway/smbFileShare:SmbFileShare"
GATEWAY = "aws:storagegateway/gateway:Gateway"


def hindrance(network: AwsNetwork, machine: CloudObject, kept: KeptSecrets, *, waits: bool = False) -> str:
    """Return why Octopus Server does not start on a machine, `` if nothing hinders it.

    With `waits` the first node need not answer yet: the script waits for it, and for nothing else.
    """
    boot = boot_of(machine)
    if boot is None:
        return ""
    place = aws_names.instance_place(network.estate, machine)
    found = next(_hindrances(network, place, boot, kept), "")
    return found if found or waits or not boot.first[0] else next(_first(network, place, boot), "")


def queue_cut_off(network: AwsNetwork, machine: CloudObject, host: str, port: int) -> str:
    """Return why a node does not reach a queue, `` if it does."""
    return network.reach(aws_names.instance_place(network.estate, machine), host, port).why


def share_closed(network: AwsNetwork, machine: CloudObject, share: str) -> str:
    """Return why a node cannot mount a share of the gateway that its script names, `` if it can."""
    boot = boot_of(machine)
    if boot is None:
        return ""
    return next(_closed(network, aws_names.instance_place(network.estate, machine), boot, share), "")


def secret_unread(network: AwsNetwork, machine: CloudObject, secret: str) -> str:
    """Return why a node may not read a secret, `` if it may."""
    return reads_secrets(network.estate, machine, (secret,))


def unmet(network: AwsNetwork, machine: CloudObject) -> str:
    """Return why a machine does not meet the first node that its script waits for, `` if it does or waits for none."""
    boot = boot_of(machine)
    if boot is None or not boot.first[0]:
        return ""
    return next(_first(network, aws_names.instance_place(network.estate, machine), boot), "")


def appliance_hindrance(network: AwsNetwork, machine: CloudObject, endpoint: str) -> str:
    """Return why a gateway's appliance cannot talk to its service, `` if it can."""
    place = aws_names.instance_place(network.estate, machine)
    for need in needs_of("appliance"):
        target = (endpoint or f"service:storagegateway:{machine.region}") if need.to == "endpoint" else need.to
        verdict = _met(network, place, need, target)
        if not verdict.open:
            return f"the appliance cannot reach {need.to}: {verdict.why}"
    return ""


def _hindrances(network: AwsNetwork, place: Place, boot: Boot, kept: KeptSecrets) -> Iterator[str]:
    for need in needs_of(boot.protocol) if boot.shares else ():
        yield from _said(_met(network, place, need, boot.files), f"the file shares on {boot.files}")
    for share in boot.shares:
        yield from _closed(network, place, boot, share)
        yield from _unknown(network, boot, share, kept)
    for need in needs_of(boot.installs):
        yield from _said(_met(network, place, need, need.to), f"the {boot.installs} at {need.to}")
    for need in needs_of("trust"):
        yield from _said(_met(network, place, need, need.to), f"the roots of RDS at {need.to}")
    region = text(network.estate.find(place.key), "region")
    yield from _said(network.reach(place, f"service:secretsmanager:{region}", 443), "Secrets Manager")
    machine = network.estate.find(place.key)
    why = reads_secrets(network.estate, machine, boot.secrets) if machine else ""
    if why:
        yield f"may not read its secrets: {why}"
    yield from filter(None, (kept.missing(network.estate, secret) for secret in boot.secrets))
    yield from _said(network.reach(place, boot.server, boot.port), f"the database {boot.server}")
    if boot.queue[0] and boot.cluster_shared not in {folder for folder, _ in boot.folders}:
        yield "nodes that share a queue need a cluster shared directory on a file share"


def _first(network: AwsNetwork, place: Place, boot: Boot) -> Iterator[str]:
    yield from _said(network.reach(place, *boot.first), f"the first node {boot.first[0]}")
    for machine in network.estate.all(aws_names.INSTANCE):
        first = boot_of(machine) if machine.text("privateIp") == boot.first[0] else None
        why = not_shared(boot, first) if first else ""
        yield from [why] if why else []


def _said(verdict: Verdict, what: str) -> Iterator[str]:
    if not verdict.open:
        yield f"cannot reach {what}: {verdict.why}"


def _closed(network: AwsNetwork, place: Place, boot: Boot, share: str) -> Iterator[str]:
    """Yield why a share cannot be mounted although its gateway answers."""
    kind = NFS_SHARE if boot.protocol == "nfs" else SMB_SHARE
    found = next((item for item in network.estate.all(kind) if item.text("fileShareName") == share), None)
    if found is None:
        yield f"there is no file share {share}"
        return
    clients = texts(found, "clientLists")
    if boot.protocol == "nfs" and not any(within(place.address, client) for client in clients):
        yield f"file share {share} does not admit {place.address}"
    if found.properties.get("readOnly") is True:
        yield f"file share {share} is read-only"


def _unknown(network: AwsNetwork, boot: Boot, share: str, kept: KeptSecrets) -> Iterator[str]:
    """Yield why a share of a gateway in a domain does not admit the user as whom a node mounts it."""
    found = next((item for item in network.estate.all(SMB_SHARE) if item.text("fileShareName") == share), None)
    if found is None or found.text("authentication") != "ActiveDirectory":
        return
    user = kept.directory.user_of(boot.user) if boot.user else None
    if user is None:
        yield f"file share {share} asks for a user of its domain, and secret {boot.user or '(none)'} names none"
    elif not user.among(texts(found, "validUserLists")):
        yield f"file share {share} does not admit user {user.name}"


def _met(network: AwsNetwork, place: Place, need: Need, target: str) -> Verdict:
    verdicts = (_one(network, place, target, port, protocol) for port, protocol in need.flows())
    return next((verdict for verdict in verdicts if not verdict.open), Verdict(outcome="open"))


def _one(network: AwsNetwork, place: Place, target: str, port: int, protocol: str) -> Verdict:
    if target == "resolver":
        return aws_groups.leaves(network.estate, place, _resolver(network, place), port, protocol)
    if target.startswith("service:") and target.count(":") == 1:
        target = f"{target}:{text(network.estate.one(SUBNET, place.subnet), 'region')}"
    return network.reach(place, target, port, protocol)


def _resolver(network: AwsNetwork, place: Place) -> Place:
    """Return the network's resolver: the third address of its range (VPC user guide, DNS attributes)."""
    block = text(network.estate.one(VPC, place.network), "cidrBlock")
    start, _, _ = block.partition("/")
    address = f"{start.rpartition('.')[0]}.{int(start.rpartition('.')[2] or 0) + 2}" if start else ""
    return Place(what="the network's resolver", address=address, network=place.network)
