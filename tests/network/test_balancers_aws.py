"""Load balancers on AWS, over objects as programs declare them: whose name leads where, which certificate is shown."""

from __future__ import annotations

import datetime
from functools import cache

import pytest

from cellctl.state.values import Struct, Value
from cellctl_components.aws.certificate import self_signed
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network.aws import AwsNetwork
from cellctl_sandbox.network.aws_balancers import entry
from cellctl_sandbox.network.entry import Entry
from cellctl_sandbox.network.reachability import CONTROL
from cellctl_sandbox.standins.cloud_view import CloudObject

WEB, POLLING = "arn:lb/app/web", "arn:lb/net/polling"
CELLS = ("acme", "globex")


def made(kind: str, id: str, **properties: Value) -> CloudObject:
    return CloudObject(type=f"aws:{kind}", id=id, properties={**properties}, cell="r1", region="eu-west-1")


@cache
def body(host: str) -> str:
    return self_signed(host, now=datetime.datetime.now(datetime.UTC)).certificate


def certificate(name: str) -> CloudObject:
    own = body(f"{name}.internal")
    return made("acm/certificate:Certificate", f"cert-{name}", arn=f"cert-{name}", certificateBody=own)


def forward(group: str) -> Struct:
    return {"type": "forward", "targetGroupArn": group}


def group(name: str, **more: Value) -> CloudObject:
    return made("lb/targetGroup:TargetGroup", f"tg-{name}", arn=f"tg-{name}", port=8080, **more)


def rule(name: str, priority: int, *conditions: Struct) -> CloudObject:
    where = "listener-web"
    return made("lb/listenerRule:ListenerRule", f"rule-{name}-{priority}", listenerArn=where, priority=priority,
                conditions=[*conditions], actions=[forward(f"tg-{name}")])  # fmt: skip


def host(name: str) -> Struct:
    return {"hostHeader": {"values": [name]}}


def machine(name: str, address: str, zone: str) -> CloudObject:
    return made("ec2/instance:Instance", f"i-{name}", privateIp=address, subnetId=f"subnet-{zone}",
                vpcSecurityGroupIds=["sg-all"])  # fmt: skip


def joined(group: str, machine: str) -> CloudObject:
    return made("lb/targetGroupAttachment:TargetGroupAttachment", f"{group}-{machine}", targetGroupArn=f"tg-{group}",
                targetId=f"i-{machine}")  # fmt: skip


def account() -> dict[str, CloudObject]:
    """Two cells behind one balancer of web, each with a machine of its own; a node's port on one of polling."""
    found = [
        made("ec2/vpc:Vpc", "vpc-1", cidrBlock="10.64.0.0/16", enableDnsSupport=True, enableDnsHostnames=True),
        *(made("ec2/subnet:Subnet", f"subnet-{zone}", vpcId="vpc-1", cidrBlock=f"10.64.{n}.0/24",
               availabilityZone=f"eu-west-1{zone}") for n, zone in enumerate("abc")),
        made("ec2/securityGroup:SecurityGroup", "sg-all", vpcId="vpc-1",
             ingress=[{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}],
             egress=[{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}]),
        *(made("lb/loadBalancer:LoadBalancer", arn, arn=arn, name=name, dnsName=f"{name}.elb.amazonaws.com",
               loadBalancerType=kind, subnets=["subnet-a", "subnet-b", "subnet-c"], securityGroups=["sg-all"],
               enableCrossZoneLoadBalancing=True)
          for arn, name, kind in ((WEB, "web", "application"), (POLLING, "polling", "network"))),
        made("lb/listener:Listener", "listener-web", loadBalancerArn=WEB, port=443, protocol="HTTPS",
             certificateArn="cert-nobody",
             defaultActions=[{"type": "fixed-response", "fixedResponse": {"statusCode": "404"}}]),
        made("lb/listener:Listener", "listener-polling", loadBalancerArn=POLLING, port=10943, protocol="TCP",
             defaultActions=[forward("tg-polling")]),
        certificate("nobody"), group("polling"), joined("polling", "acme"),
        *(machine(name, f"10.64.{n}.21", zone) for n, (name, zone) in enumerate(zip(CELLS, "ab", strict=True))),
        *(made("route53/zone:Zone", f"Z-{name}", name=f"{name}.internal", vpcs=[{"vpcId": "vpc-1"}])
          for name in (*CELLS, "stranger")),
        *(made("route53/record:Record", f"R-{name}", zoneId=f"Z-{name}", name=f"{name}.internal", type="A",
               aliases=[{"name": "web.elb.amazonaws.com"}]) for name in (*CELLS, "stranger")),
    ]  # fmt: skip
    for number, name in enumerate(CELLS, start=1):
        shown = made("lb/listenerCertificate:ListenerCertificate", f"shown-{name}", listenerArn="listener-web",
                     certificateArn=f"cert-{name}")  # fmt: skip
        found += [
            certificate(name),
            shown,
            group(name),
            joined(name, name),
            rule(name, number, host(f"{name}.internal")),
        ]
    return {item.id: item for item in found}


def asked(objects: dict[str, CloudObject], name: str, port: int = 443) -> Entry:
    found = entry(AwsNetwork(Estate([*objects.values()], 0.0)), name, port, CONTROL)
    assert found is not None
    return found


def leads(found: Entry) -> list[str]:
    assert [target.why for target in found.targets if target.why] == []
    return [target.address for target in found.targets]


def test_each_name_leads_to_its_own_cell_and_shows_its_own_certificate() -> None:
    objects = account()
    for name, address in (("acme", "10.64.0.21"), ("globex", "10.64.1.21")):
        found = asked(objects, f"{name}.internal")
        assert (leads(found), found.shows, found.ends_tls) == ([address], (), True)
    stranger = asked(objects, "stranger.internal")
    assert (stranger.targets, stranger.turns_away) == ((), 404)
    assert stranger.shows == ("nobody.internal", "*.nobody.internal"), "who asks for another name is shown nobody's"


def test_a_cell_without_its_rule_or_certificate_is_a_stranger_and_the_other_one_stays() -> None:
    objects = account()
    del objects["rule-acme-1"]
    assert asked(objects, "acme.internal").turns_away == 404
    assert leads(asked(objects, "globex.internal")) == ["10.64.1.21"]
    objects = account()
    del objects["shown-acme"]
    found = asked(objects, "acme.internal")
    assert (leads(found), found.shows[0]) == (["10.64.0.21"], "nobody.internal")
    assert asked(objects, "globex.internal").shows == ()


def test_the_first_rule_whose_every_condition_holds_decides() -> None:
    objects = account()
    near, far = ({"sourceIp": {"values": [block]}} for block in ("10.255.0.0/24", "192.168.0.0/16"))
    for priority, conditions, address in (
        (0, [host("*.internal"), near], "10.64.1.21"),
        (0, [host("*.internal"), far], "10.64.0.21"),
        (9, [host("*.internal")], "10.64.0.21"),
    ):
        one = rule("globex", priority, *conditions)
        assert leads(asked({**objects, one.id: one}, "acme.internal")) == [address]


@pytest.mark.parametrize(
    ("balancer", "target_group", "keeps"),
    [
        (True, "", False),
        (False, "", True),
        (None, "", True),
        (False, "true", False),
        (True, "false", True),
        (True, "use_load_balancer_configuration", False),
    ],
)
def test_an_address_keeps_to_its_zone_unless_it_is_told_otherwise(
    balancer: bool | None, target_group: str, keeps: bool
) -> None:
    objects = account()
    objects[POLLING].properties["enableCrossZoneLoadBalancing"] = balancer
    objects["tg-polling"].properties["loadBalancingCrossZoneEnabled"] = target_group
    zones = asked(objects, "polling.elb.amazonaws.com", 10943).zones
    assert (zones is not None) is keeps
    if zones is not None:
        assert zones.names == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
        assert [[target.zone for target in group] for group in zones.groups] == [["eu-west-1a"]]


def test_a_balancer_of_web_looks_into_every_zone_whatever_it_is_told() -> None:
    objects = account()
    objects[WEB].properties["enableCrossZoneLoadBalancing"] = False
    assert asked(objects, "acme.internal").zones is None
