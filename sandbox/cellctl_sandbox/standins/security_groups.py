"""The two calls of EC2 that provider `cellctl` makes itself: a rule of a security group is added, and revoked.

What is added is an object of the simulated account like any other, so the simulated network knows it at once; it goes
with its group. No program declares it, so it belongs to no stack.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.aws_json import ApiError, Call, Interference, JsonService, Undisturbed
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView

GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_KEY = ("securityGroupId", "ipProtocol", "fromPort", "toPort", "cidrIpv4")


class SecurityGroups:
    """What the API does."""

    def __init__(self, view: CloudView) -> None:
        self._view = view

    def authorize(self, call: Call) -> Struct:
        """Add rules; one that is there is refused."""
        group, made = self._group(call), list[Value]()
        for rule in _rules(call, group.id):
            if self._like(rule):
                peer, port = rule["cidrIpv4"], rule["fromPort"]
                message = f'the specified rule "peer: {peer}, TCP, from port: {port}, ALLOW" already exists'
                raise ApiError("InvalidPermission.Duplicate", message)
            id_ = f"sgr-0{secrets.token_hex(8)}"
            properties: Struct = {**rule, "securityGroupRuleId": id_}
            self._view.put(CloudObject(type=RULE, id=id_, properties=properties, cell=group.cell, region=group.region))
            made.append({"SecurityGroupRuleId": id_, "GroupId": group.id})
        return {"Return": True, "SecurityGroupRules": made}

    def revoke(self, call: Call) -> Struct:
        """Remove rules, whoever has added them; one that is not there is refused, as in a network of one's own."""
        for rule in _rules(call, self._group(call).id):
            found = self._like(rule)
            if not found:
                message = "The specified rule does not exist in this security group."
                raise ApiError("InvalidPermission.NotFound", message)
            for one in found:
                self._view.remove(RULE, one.id)
        return {"Return": True}

    def _group(self, call: Call) -> CloudObject:
        asked = call.text("GroupId")
        found = next((one for one in self._view.objects(GROUP) if one.id == asked), None)
        if found is None:
            raise ApiError("InvalidGroup.NotFound", f"The security group '{asked}' does not exist")
        return found

    def _like(self, rule: Struct) -> list[CloudObject]:
        return [one for one in self._view.objects(RULE) if all(one.properties.get(key) == rule[key] for key in _KEY)]


def security_groups_service(view: CloudView, *, interference: Interference | None = None) -> JsonService:
    """Return the service over the simulated cloud's objects."""
    groups = SecurityGroups(view)
    operations = {
        "AuthorizeSecurityGroupIngress": groups.authorize,
        "RevokeSecurityGroupIngress": groups.revoke,
    }
    return JsonService(name="ec2", operations=operations, interference=interference or Undisturbed())


def _rules(call: Call, group: str) -> Iterator[Struct]:
    for one in _tables(call.parameters.get("IpPermissions")):
        for found in _tables(one.get("IpRanges")):
            said: Struct = {"description": found["Description"]} if found.get("Description") else {}
            yield {
                "securityGroupId": group, "ipProtocol": one.get("IpProtocol"), "fromPort": one.get("FromPort"),
                "toPort": one.get("ToPort"), "cidrIpv4": found.get("CidrIp"), **said,
            }  # fmt: skip


def _tables(value: Value) -> Iterator[Struct]:
    yield from (row for row in (value if isinstance(value, list) else ()) if isinstance(row, dict))
