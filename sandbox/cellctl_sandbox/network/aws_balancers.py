"""Load balancers on AWS: listener, target group, attachments, and whether packets and probes arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cellctl.facts.conditions import at, every
from cellctl.state.values import Value
from cellctl_sandbox.estate import text, texts, value
from cellctl_sandbox.network import aws_rules
from cellctl_sandbox.network.aws import AwsNetwork
from cellctl_sandbox.network.aws_names import BALANCER, INSTANCE, balancer_places, instance_place
from cellctl_sandbox.network.aws_routes import SUBNET
from cellctl_sandbox.network.entry import Entry, Target, Zones
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
    listener = listener_of(network, balancer, port)
    if listener is None:
        return Entry(balancer=balancer.text("name"), port=port, targets=(), ends_tls=_web(balancer))
    done = aws_rules.actions(network.estate, listener, name, source)
    groups = list(_groups(network, done))
    onward = aws_rules.redirect(done)
    ends_tls = _web(balancer) and onward is None
    return Entry(
        balancer=balancer.text("name"),
        port=port,
        targets=tuple(target for group in groups for target in _targets(network, balancer, group)),
        ends_tls=ends_tls,
        redirect=onward,
        zones=_zones(network, balancer) if any(_keeps_to_zone(balancer, group) for group in groups) else None,
        shows=aws_rules.shows(network.estate, listener, name) if ends_tls else (),
        turns_away=aws_rules.turns_away(done),
    )


def _web(balancer: CloudObject) -> bool:
    return balancer.text("loadBalancerType") == "application"


def _keeps_to_zone(balancer: CloudObject, group: CloudObject) -> bool:
    """Tell whether each address of a balancer leads only to targets in its own zone."""
    said = text(group, "loadBalancingCrossZoneEnabled") or "use_load_balancer_configuration"
    if said != "use_load_balancer_configuration":
        return said == "false"
    return not _web(balancer) and balancer.properties.get("enableCrossZoneLoadBalancing") is not True


def _zones(network: AwsNetwork, balancer: CloudObject) -> Zones:
    """Return the zones of a balancer and the targets of each group behind any of its ports."""
    names = [_zone_of(network, subnet) for subnet in texts(balancer, "subnets")]
    groups = [
        tuple(_targets(network, balancer, group))
        for listener in network.estate.all(LISTENER)
        if listener.text("loadBalancerArn") == balancer.id
        for group in _groups(network, list(every(listener.properties, "defaultActions.*")))
    ]
    return Zones(names=tuple(names), groups=tuple(groups))


def _zone_of(network: AwsNetwork, subnet: str) -> str:
    return text(network.estate.one(SUBNET, subnet), "availabilityZone")


def listener_of(network: AwsNetwork, balancer: CloudObject, port: int) -> CloudObject | None:
    """Return the listener of a balancer's port."""
    for item in network.estate.all(LISTENER):
        if item.text("loadBalancerArn") == balancer.id and item.properties.get("port") == port:
            return item
    return None


def _groups(network: AwsNetwork, done: Sequence[Value]) -> Iterator[CloudObject]:
    """Yield the groups of targets that actions forward to."""
    for action in done:
        arn = at(action, "targetGroupArn") if at(action, "type") == "forward" else None
        group = network.estate.one(TARGETS, str(arn))
        if group is not None:
            yield group


def _targets(network: AwsNetwork, balancer: CloudObject, group: CloudObject) -> Iterator[Target]:
    for item in network.estate.all(ATTACHMENT):
        machine = network.estate.one(INSTANCE, item.text("targetId"))
        if item.text("targetGroupArn") == group.id and machine is not None:
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
    return Target(
        address=place.address, port=port, health_port=health, health_path=path, why=bad.why,
        zone=_zone_of(network, place.subnet),
    )  # fmt: skip


def _path(network: AwsNetwork, balancer: CloudObject, target: Place, port: int) -> Verdict:
    for place in balancer_places(network.estate, balancer):
        verdict = network.path(place, target, port)
        if not verdict.open:
            return verdict
    return OPEN


def _whole(item: CloudObject, path: str) -> int:
    found = value(item, path)
    return int(found) if isinstance(found, int | float) else 0
