"""Security groups and their rules, declared from `firewall`'s data below a component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_aws import ec2, vpc

from cellctl_components.aws.firewall import PURPOSES, Group, Rule
from cellctl_components.aws.options import child

AnyRule = vpc.SecurityGroupIngressRule | vpc.SecurityGroupEgressRule


def declare(
    parent: pulumi.ComponentResource,
    name: str,
    prefix: str,
    vpc_id: pulumi.Input[str],
    groups: Sequence[Group],
    *,
    before: Mapping[Group, Sequence[pulumi.Resource]] | None = None,
) -> dict[Group, ec2.SecurityGroup]:
    """Declare groups without a rule; their names in the cloud begin with `prefix`.

    What is there `before` a group outlives it.
    """
    held = before or {}
    return {
        group: ec2.SecurityGroup(
            f"{name}-{group}",
            name=f"{prefix}-{group}",
            description=PURPOSES[group],
            vpc_id=vpc_id,
            revoke_rules_on_delete=True,
            tags={"Name": f"{prefix}-{group}"},
            opts=child(parent, *held.get(group, ())),
        )
        for group in groups
    }


def admit(
    parent: pulumi.ComponentResource,
    name: str,
    groups: Mapping[Group, ec2.SecurityGroup],
    rules: Sequence[Rule],
    prefix_lists: Mapping[str, pulumi.Input[str]],
    *,
    others: Mapping[str, pulumi.Input[str]] | None = None,
) -> dict[str, AnyRule]:
    """Declare rules of these groups, by label; `prefix_lists` are by the peer that stands for each.

    `others` are ids of groups that another stack owns, by peer: rules name them and never touch them.
    """
    peers: dict[str, pulumi.Input[str]] = {**(others or {})}
    peers.update({key: group.id for key, group in groups.items()})
    return {
        rule.label: _rule(parent, name, groups, rule, (prefix_lists.get(rule.peer), peers.get(rule.peer)))
        for rule in rules
    }


def _rule(
    parent: pulumi.ComponentResource,
    name: str,
    groups: Mapping[Group, ec2.SecurityGroup],
    rule: Rule,
    known: tuple[pulumi.Input[str] | None, pulumi.Input[str] | None],
) -> AnyRule:
    kind = vpc.SecurityGroupIngressRule if rule.way == "in" else vpc.SecurityGroupEgressRule
    prefix_list, peer = known
    return kind(
        f"{name}-{rule.label}",
        security_group_id=groups[rule.group].id,
        ip_protocol=rule.protocol,
        from_port=rule.first,
        to_port=rule.last,
        cidr_ipv4=rule.peer if "/" in rule.peer else None,
        referenced_security_group_id=peer,
        prefix_list_id=prefix_list,
        description=rule.reason,
        opts=child(parent),
    )
