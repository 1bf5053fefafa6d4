"""Load balancers on AWS: listener, target group, attachments, and whether packets and probes arrive."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.facts.conditions import at, every
from cellctl_sandbox.estate import text, value
from cellctl_sandbox.network.aws import AwsNetwork
from cellctl_sandbox.network.aws_names import BALANCER, INSTANCE, balancer_places, instance_place
from cellctl_sandbox.network.entry import Entry, Redirect, Target
from cellctl_sandbox.network.verdict import OPEN, Place, Verdict
from cellctl_sandbox.standins.cloud_view import CloudObject

LISTENER = "aws:lb/listener:Listener"
TARGETS = "aws:lb/targetGroup:TargetGroup"
ATTACHMENT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"


def entry(network: AwsNetwork, name: str, port: int, source: Place) -> Entry | None:
    """Return the port of the load balancer that a name leads to, None if the name is no balancer's.

    A port without a listener has no targets.
    """
    keys = {place.key for place in network.names(name, source).places}
    balancer = next((item for item in network.estate.all(BALANCER) if item.id in keys), None)
    if balancer is None:
        return None
    targets: tuple[Target, ...] = ()
    listener = listener_of(network, balancer, port)
    if listener is not None:
        targets = tuple(_targets(network, balancer, listener))
    web = balancer.text("loadBalancerType") == "application"
    onward = _redirect(listener) if listener is not None else None
    ends_tls = web and onward is None
    return Entry(balancer=balancer.text("name"), port=port, targets=targets, ends_tls=ends_tls, redirect=onward)


def _redirect(listener: CloudObject) -> Redirect | None:
    """Return how a listener sends everybody on to HTTPS, None if it does something else."""
    for action in every(listener.properties, "defaultActions.*"):
        if at(action, "type") == "redirect" and at(action, "redirect.protocol") == "HTTPS":
            status = str(at(action, "redirect.statusCode") or "").removeprefix("HTTP_")
            return Redirect(status=int(status or 0), port=int(str(at(action, "redirect.port") or 0)))
    return None


def listener_of(network: AwsNetwork, balancer: CloudObject, port: int) -> CloudObject | None:
    """Return the listener of a balancer's port."""
    for item in network.estate.all(LISTENER):
        if item.text("loadBalancerArn") == balancer.id and item.properties.get("port") == port:
            return item
    return None


def _targets(network: AwsNetwork, balancer: CloudObject, listener: CloudObject) -> Iterator[Target]:
    for action in every(listener.properties, "defaultActions.*"):
        arn = at(action, "targetGroupArn") if at(action, "type") == "forward" else None
        group = network.estate.one(TARGETS, str(arn))
        if group is None:
            continue
        for item in network.estate.all(ATTACHMENT):
            machine = network.estate.one(INSTANCE, item.text("targetId"))
            if item.text("targetGroupArn") == arn and machine is not None:
                yield _target(network, balancer, group, item, machine)


def _target(
    network: AwsNetwork, balancer: CloudObject, group: CloudObject, attachment: CloudObject, machine: CloudObject
) -> Target:
    place = instance_place(network.estate, machine)
    port = _whole(attachment, "port") or _whole(group, "port")
    probed = text(group, "healthCheck.port") or "traffic-port"
    health = port if probed == "traffic-port" else int(probed)
    verdicts = (_path(network, balancer, place, wanted) for wanted in dict.fromkeys((port, health)))
    bad = next((verdict for verdict in verdicts if not verdict.open), OPEN)
    path = text(group, "healthCheck.path") if text(group, "healthCheck.protocol").startswith("HTTP") else ""
    return Target(address=place.address, port=port, health_port=health, health_path=path, why=bad.why)


def _path(network: AwsNetwork, balancer: CloudObject, target: Place, port: int) -> Verdict:
    for place in balancer_places(network.estate, balancer):
        verdict = network.path(place, target, port)
        if not verdict.open:
            return verdict
    return OPEN


def _whole(item: CloudObject, path: str) -> int:
    found = value(item, path)
    return int(found) if isinstance(found, int | float) else 0
