"""Looks at the network, zone and key that a cell file names in a real account: describe calls alone, changes nothing.

What is returned is judged by others (`cellctl_components.aws.site_rules`); what is not there is absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from cellctl.errors import EngineError
from cellctl.facts.conditions import at, every
from cellctl.facts.sites import services_named, way
from cellctl.state.values import Struct, Value
from cellctl_provider.credentials import FederatedCredentials
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from boto3 import Session

_GONE = ("NotFound", "NotFoundException", "Malformed", "NoSuchHostedZone", "InvalidParameterValue", "InvalidInput")
_ANY_PORT = (0, 65_535)


class FederatedSites:
    """Satisfies `cellctl.engine.ports.SiteReader` for real accounts: as their role, never as an ambient login."""

    def __init__(self, role: str) -> None:
        self._role = role

    def look(self, account: str, question: Mapping[str, Value]) -> Struct:
        """Return what is there of what a question names.

        Raises:
            EngineError: The account does not answer, or refuses (code `site_unseen`).
        """
        variables = {"cellctl:config:awsRole": self._role, "cellctl:config:awsAccount": account}
        try:
            session = FederatedCredentials(variables).aws(str(question.get("region")))
        except ProviderError as error:
            raise EngineError(error.message, hint="cellctl doctor --account", code="site_unseen") from error
        return look(session, account, question)


def look(session: Session, account: str, question: Mapping[str, Value]) -> Struct:
    """Return what a session sees of what a question names; errors as `FederatedSites.look`."""
    seen: Struct = {}
    calls = _Calls(session)
    with _typed():
        if question.get("subnets"):
            seen |= _Network(calls, account, dict(question)).seen()
        if question.get("zone"):
            seen |= _zone(calls, dict(question))
        if question.get("key"):
            seen |= _key(calls, str(question["key"]))
    return seen


class _Calls:
    """Calls of one look: a client of each service, whose answers are taken as JSON-like data."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._clients: dict[str, object] = {}

    def make(self, service: str, operation: str, asked: Struct) -> Struct:
        """Return an answer, `{}` where what is asked for is not there."""
        from botocore.exceptions import ClientError

        if service not in self._clients:
            self._clients[service] = self._session.client(service)  # type: ignore[call-overload]  # one of three
        try:
            return cast("Struct", getattr(self._clients[service], operation)(**asked))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if any(word in code for word in _GONE):
                return {}
            raise


class _Network:
    """One look at a VPC, through EC2 and Route 53 as Structs: only what is read here is named."""

    def __init__(self, calls: _Calls, account: str, question: Struct) -> None:
        self._calls, self._account, self._question = calls, account, question
        self._vpc, self._region = str(question.get("network")), str(question.get("region"))

    def seen(self) -> Struct:
        """Return network, subnets, endpoint, prefix list, groups and zones of the VPC."""
        network = self._network()
        if network is None:
            return {}
        endpoints = self._rows("describe_vpc_endpoints", "VpcEndpoints", {"vpc-id": [self._vpc]})
        tables = self._rows("describe_route_tables", "RouteTables", {"vpc-id": [self._vpc]})
        found: Struct = {"network": network, "subnets": self._subnets(tables, endpoints)}
        lists = self._rows("describe_prefix_lists", "PrefixLists", {"prefix-list-name": [self._service("s3")]})
        found["storage"] = next((str(at(row, "PrefixListId")) for row in lists), "")
        groups = self._rows("describe_security_groups", "SecurityGroups", {"vpc-id": [self._vpc]})
        found["groups"] = [str(at(row, "GroupName")) for row in groups]
        found["zones"] = [*self._zones()]
        named = str(self._question.get("endpoint") or "")
        endpoint = next((row for row in endpoints if at(row, "VpcEndpointId") == named), None)
        return found if endpoint is None else {**found, "endpoint": _endpoint(endpoint, groups)}

    def _network(self) -> Struct | None:
        rows = self._rows("describe_vpcs", "Vpcs", {"vpc-id": [self._vpc]})
        if not rows:
            return None
        return {
            "state": at(rows[0], "State"),
            "cidr": at(rows[0], "CidrBlock"),
            "owner": at(rows[0], "OwnerId"),
            "own": at(rows[0], "OwnerId") in (None, self._account),
            "tenancy": at(rows[0], "InstanceTenancy"),
            "dnsSupport": self._attribute("enableDnsSupport", "EnableDnsSupport"),
            "dnsHostnames": self._attribute("enableDnsHostnames", "EnableDnsHostnames"),
        }

    def _attribute(self, name: str, key: str) -> bool:
        answer = self._calls.make("ec2", "describe_vpc_attribute", {"VpcId": self._vpc, "Attribute": name})
        return at(answer, f"{key}.Value") is True

    def _subnets(self, tables: list[Value], endpoints: list[Value]) -> Struct:
        wanted = [str(one) for one in every(self._question, "subnets.*")]
        rows = self._rows("describe_subnets", "Subnets", {"subnet-id": wanted})
        used = self._rows("describe_network_interfaces", "NetworkInterfaces", {"subnet-id": wanted})
        found: Struct = {}
        for row in rows:
            subnet = str(at(row, "SubnetId"))
            table = _table_of(tables, subnet)
            own = [one for one in used if at(one, "SubnetId") == subnet]
            found[subnet] = {
                "network": at(row, "VpcId"),
                "zone": at(row, "AvailabilityZone"),
                "cidr": at(row, "CidrBlock"),
                "free": at(row, "AvailableIpAddressCount"),
                "table": at(table, "RouteTableId"),
                "out": way_out(table),
                "storage": any(self._leads(one, table) for one in endpoints),
                "taken": [str(ip) for one in own for ip in every(one, "PrivateIpAddresses.*.PrivateIpAddress")],
                "reserved": self._reserved(subnet),
            }
        return found

    def _leads(self, endpoint: Value, table: Value) -> bool:
        """Tell whether an endpoint of S3 is in a route table."""
        gateway = at(endpoint, "VpcEndpointType") == "Gateway" and at(endpoint, "ServiceName") == self._service("s3")
        return gateway and at(table, "RouteTableId") in set(every(endpoint, "RouteTableIds.*"))

    def _reserved(self, subnet: str) -> list[Value]:
        answer = self._calls.make("ec2", "get_subnet_cidr_reservations", {"SubnetId": subnet})
        rows = [*every(answer, "SubnetIpv4CidrReservations.*")]
        return [{"cidr": at(row, "Cidr"), "description": at(row, "Description") or ""} for row in rows]

    def _zones(self) -> Iterator[str]:
        """Yield the names of private zones that answer in the VPC: a second of one name cannot."""
        asked: Struct = {"VPCId": self._vpc, "VPCRegion": self._region}
        while True:
            answer = self._calls.make("route53", "list_hosted_zones_by_vpc", asked)
            for row in every(answer, "HostedZoneSummaries.*"):
                yield str(at(row, "Name")).rstrip(".")
            if not at(answer, "NextToken"):
                return
            asked = {**asked, "NextToken": at(answer, "NextToken")}

    def _service(self, name: str) -> str:
        return f"com.amazonaws.{self._region}.{name}"

    def _rows(self, operation: str, key: str, filters: Mapping[str, list[str]]) -> list[Value]:
        """Return all rows of a list; an id that is not there yields none, as these are filters."""
        asked: Struct = {"Filters": [{"Name": name, "Values": [*values]} for name, values in filters.items()]}
        found: list[Value] = []
        while True:
            answer = self._calls.make("ec2", operation, asked)
            found += every(answer, f"{key}.*")
            if not at(answer, "NextToken"):
                return found
            asked = {**asked, "NextToken": at(answer, "NextToken")}


def way_out(table: Value) -> str:
    """Return what a route table leads to outside, as the facts name it (`site.toml`); `` for nothing."""
    for route in every(table, "Routes.*"):
        if at(route, "DestinationCidrBlock") != "0.0.0.0/0":
            continue
        if at(route, "State") == "blackhole":
            return "blackhole"
        keys = ("NatGatewayId", "GatewayId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId")
        targets = [str(at(route, key)) for key in keys if at(route, key)]
        return way(targets, cloud="aws")
    return ""


def _table_of(tables: list[Value], subnet: str) -> Value:
    """Return the route table of a subnet: its own, else the network's main one."""
    own = [one for one in tables if subnet in set(every(one, "Associations.*.SubnetId"))]
    main = [one for one in tables if True in set(every(one, "Associations.*.Main"))]
    return next(iter((*own, *main)), None)


def _endpoint(row: Value, groups: list[Value]) -> Struct:
    guarded = set(every(row, "Groups.*.GroupId"))
    rules = [rule for one in groups if at(one, "GroupId") in guarded for rule in every(one, "IpPermissions.*")]
    return {
        "network": at(row, "VpcId"),
        "service": at(row, "ServiceName"),
        "type": at(row, "VpcEndpointType"),
        "state": at(row, "State"),
        "privateDns": at(row, "PrivateDnsEnabled") is True,
        "dns": next((str(one) for one in every(row, "DnsEntries.*.DnsName")), ""),
        "admits": [one for rule in rules for one in _admitted(rule)],
    }


def _admitted(rule: Value) -> Iterator[Struct]:
    if at(rule, "IpProtocol") not in ("tcp", "-1"):
        return
    first, last = at(rule, "FromPort"), at(rule, "ToPort")
    ports = (first, last) if at(rule, "IpProtocol") == "tcp" else _ANY_PORT
    for cidr in every(rule, "IpRanges.*.CidrIp"):
        yield {"first": ports[0], "last": ports[1], "cidr": cidr}


def _zone(calls: _Calls, question: Struct) -> Struct:
    zone = str(question["zone"])
    answer = calls.make("route53", "get_hosted_zone", {"Id": zone})
    if not answer:
        return {}
    names, records = {str(one) for one in every(question, "names.*")}, set[str]()
    for name in sorted(names):
        asked: Struct = {"HostedZoneId": zone, "StartRecordName": name, "MaxItems": "1"}
        rows = calls.make("route53", "list_resource_record_sets", asked)
        records |= names & {str(one).rstrip(".") for one in every(rows, "ResourceRecordSets.*.Name")}
    found: Struct = {
        "name": str(at(answer, "HostedZone.Name")).rstrip("."),
        "private": at(answer, "HostedZone.Config.PrivateZone") is True,
        "networks": [*every(answer, "VPCs.*.VPCId")],
        "records": [*sorted(records)],
    }
    return {"zone": found}


def _key(calls: _Calls, arn: str) -> Struct:
    answer = calls.make("kms", "describe_key", {"KeyId": arn})
    if not answer:
        return {}
    policy = calls.make("kms", "get_key_policy", {"KeyId": arn, "PolicyName": "default"})
    found: Struct = {
        "state": at(answer, "KeyMetadata.KeyState"),
        "spec": at(answer, "KeyMetadata.KeySpec"),
        "manager": at(answer, "KeyMetadata.KeyManager"),
        "services": [*services_named(str(at(policy, "Policy") or ""))],
    }
    return {"key": found}


@contextmanager
def _typed() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        hint = "let the role look at it (docs/guides/existing-networks.md), or sign in again"
        raise EngineError(f"the account cannot be looked at: {error}", hint=hint, code="site_unseen") from error
