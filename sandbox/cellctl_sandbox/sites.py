"""Looks at the simulated network, zone and key that a cell file names, as `cellctl_provider.aws.sites` does."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from cellctl.facts.conditions import at, every
from cellctl.facts.sites import services_named, way
from cellctl.state.values import Struct, Value
from cellctl_sandbox.azure_sites import AzureLook
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.view import as_object, records
from cellctl_sandbox.estate import Estate, text, texts, value
from cellctl_sandbox.network import aws_groups, aws_names, aws_routes
from cellctl_sandbox.network.kept_secrets import KeptSecrets
from cellctl_sandbox.standins.cloud_view import CloudObject

RESERVATION = "aws:ec2/subnetCidrReservation:SubnetCidrReservation"
KEY = "aws:kms/key:Key"
S3_PREFIX_LIST = "pl-6da54004"
"""Id of S3's prefix list in eu-west-1; the simulated regions all have this one (AWS documentation, from memory)."""
_RESERVED = 5  # addresses that AWS keeps in every subnet
_SPREAD = (aws_names.BALANCER, aws_routes.ENDPOINT)  # they take one address in each of their subnets
_KINDS = {"nat": aws_routes.NAT, "internet": aws_routes.INTERNET}
_TARGETS = ("natGatewayId", "gatewayId", "transitGatewayId", "networkInterfaceId", "instanceId")


class SandboxSites:
    """Satisfies `cellctl.engine.ports.SiteReader` for the simulated accounts."""

    def __init__(self, database: Database, clock: SimulatedClock) -> None:
        self._database, self._clock = database, clock

    def look(self, account: str, question: Mapping[str, Value]) -> Struct:
        """Return what is there of what a question names."""
        if "privateZones" in question:
            return AzureLook(self._on_azure(account), KeptSecrets.of(self._database)).seen(dict(question))
        return _Look(self._of(account, str(question.get("region")))).seen(dict(question))

    def _on_azure(self, account: str) -> Estate:
        """Return all objects of a subscription: zones are in no region."""
        now = self._clock.now()
        found = [one for one in records(self._database) if one.tenancy.package == "azure-native"]
        return Estate([as_object(one, now) for one in found if one.tenancy.account == account], now)

    def _of(self, account: str, region: str) -> Estate:
        """Return all objects of an account in a region; names are in none."""
        now = self._clock.now()
        found = [one for one in records(self._database) if one.tenancy.package == "aws"]
        return Estate(
            [
                as_object(one, now)
                for one in found
                if one.tenancy.account == account
                and (one.tenancy.region == region or one.type.startswith("aws:route53"))
            ],
            now,
        )


class _Look:
    """One look at one account's objects."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def seen(self, asked: Struct) -> Struct:
        """Return what is there of what is asked for."""
        estate = self._estate
        seen: Struct = {}
        vpc = estate.one(aws_routes.VPC, str(asked.get("network") or ""))
        if asked.get("subnets") and vpc is not None:
            seen |= self._network(vpc, asked)
        zone = estate.one(aws_names.ZONE, str(asked.get("zone") or ""))
        if zone is not None:
            names = {str(one) for one in every(asked, "names.*")}
            records_of = [one for one in estate.all(aws_names.RECORD) if one.text("zoneId") == zone.id]
            there = {one.text("name").rstrip(".") for one in records_of}
            seen["zone"] = {
                "name": zone.text("name").rstrip("."),
                "private": bool(value(zone, "vpcs")),
                "networks": [*aws_names.networks_of(estate, zone)],
                "records": [*sorted(names & there)],
            }
        key = estate.one(KEY, str(asked.get("key") or ""))
        if key is not None:
            seen["key"] = {
                "state": "Enabled" if key.properties.get("isEnabled") is not False else "Disabled",
                "spec": key.text("customerMasterKeySpec") or "SYMMETRIC_DEFAULT",
                "manager": "CUSTOMER",
                "services": [*services_named(key.text("policy"))],
            }
        return seen

    def _network(self, vpc: CloudObject, asked: Struct) -> Struct:
        estate = self._estate
        found: Struct = {
            "network": {
                "state": "available",
                "cidr": vpc.text("cidrBlock"),
                "owner": vpc.text("ownerId"),
                "own": True,
                "tenancy": vpc.text("instanceTenancy"),
                "dnsSupport": vpc.properties.get("enableDnsSupport") is True,
                "dnsHostnames": vpc.properties.get("enableDnsHostnames") is True,
            },
            "subnets": {one.id: self._subnet(one) for one in self._subnets(asked)},
            "storage": self._list_of_storage(),
            "groups": [one.text("name") for one in estate.all(aws_groups.GROUP) if one.text("vpcId") == vpc.id],
            "zones": [
                zone.text("name").rstrip(".")
                for zone in estate.all(aws_names.ZONE)
                if vpc.id in set(aws_names.networks_of(estate, zone))
            ],
        }
        endpoint = estate.one(aws_routes.ENDPOINT, str(asked.get("endpoint") or ""))
        return found if endpoint is None else {**found, "endpoint": self._endpoint(endpoint)}

    def _list_of_storage(self) -> str:
        """Return the id of S3's prefix list: that which an endpoint of it has."""
        there = [one for one in self._estate.all(aws_routes.ENDPOINT) if one.text("serviceName").endswith(".s3")]
        return next((one.text("prefixListId") for one in there if one.text("prefixListId")), S3_PREFIX_LIST)

    def _subnets(self, asked: Struct) -> Iterator[CloudObject]:
        for named in every(asked, "subnets.*"):
            found = self._estate.one(aws_routes.SUBNET, str(named))
            if found is not None:
                yield found

    def _subnet(self, subnet: CloudObject) -> Struct:
        estate, cidr = self._estate, ipaddress.IPv4Network(subnet.text("cidrBlock"))
        table, taken = aws_routes.table_of(estate, subnet.id), [*self._taken(subnet.id)]
        reserved = [one for one in estate.all(RESERVATION) if one.text("subnetId") == subnet.id]
        spread = sum(subnet.id in _places(one) for kind in _SPREAD for one in estate.all(kind))
        return {
            "network": subnet.text("vpcId"),
            "zone": subnet.text("availabilityZone"),
            "cidr": str(cidr),
            "free": cidr.num_addresses - _RESERVED - len(taken) - spread,
            "table": table,
            "out": self._way_out(table),
            "storage": aws_routes.by_gateway_endpoint(estate, table, "s3"),
            "taken": [*taken],
            "reserved": [{"cidr": one.text("cidrBlock"), "description": one.text("description")} for one in reserved],
        }

    def _taken(self, subnet: str) -> Iterator[str]:
        for one in self._estate.all(aws_names.INTERFACE):
            if one.text("subnetId") == subnet:
                yield from texts(one, "privateIps") or (one.text("privateIp"),)
        for one in self._estate.all(aws_names.INSTANCE):
            if one.text("subnetId") == subnet and not value(one, "primaryNetworkInterface"):
                yield one.text("privateIp")

    def _way_out(self, table: str) -> str:
        for route in self._estate.all(aws_routes.ROUTE):
            if route.text("routeTableId") == table and route.text("destinationCidrBlock") == "0.0.0.0/0":
                found = way([route.text(key) for key in _TARGETS if route.text(key)], cloud="aws")
                kind = _KINDS.get(found)
                there = kind is None or any(self._estate.one(kind, route.text(key)) for key in _TARGETS)
                return found if there else "blackhole"
        return ""

    def _endpoint(self, endpoint: CloudObject) -> Struct:
        groups, rules = texts(endpoint, "securityGroupIds"), self._estate.all(aws_groups.INGRESS)
        return {
            "network": endpoint.text("vpcId"),
            "service": endpoint.text("serviceName"),
            "type": endpoint.text("vpcEndpointType"),
            "state": endpoint.text("state"),
            "privateDns": endpoint.properties.get("privateDnsEnabled") is True,
            "dns": text(endpoint, "dnsEntries.0.dnsName"),
            "admits": [_admitted(rule) for rule in rules if rule.text("securityGroupId") in groups and _counts(rule)],
        }  # fmt: skip


def _counts(rule: CloudObject) -> bool:
    return rule.text("ipProtocol") == "tcp" and bool(rule.text("cidrIpv4"))


def _admitted(rule: CloudObject) -> Struct:
    ports = rule.properties
    return {"first": at(ports, "fromPort"), "last": at(ports, "toPort"), "cidr": rule.text("cidrIpv4")}


def _places(item: CloudObject) -> Sequence[str]:
    return texts(item, "subnetIds") or texts(item, "subnets")
