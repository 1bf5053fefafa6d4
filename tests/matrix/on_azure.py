"""What a cell on Azure can be made of, and what is Azure's own of its walk."""

from __future__ import annotations

from itertools import product
from typing import ClassVar

from walk import Combination, Stage, Walk

from cellctl_components.azure.bootstrap import decode
from cellctl_sandbox.clouds.database import Database

REGION, HOST = "westeurope", "acme.corp.example"
SECRETS = ("https://kv-web.vault.azure.net/secrets/acme-old", "https://kv-web.vault.azure.net/secrets/acme-new")


def combinations() -> list[Combination]:
    """Return all; each is possible."""
    ways = product(("dedicated", "reef"), ("balancer", "gateway"), ("windows", "linux"), ("per_node", "redis"))
    return [Combination(placement=a, way=b, os=c, polling=d) for a, b, c, d in ways]


PAIRS = tuple(
    Combination(placement=words[0], way=words[1], os=words[2], polling=words[3])
    for words in (
        ("dedicated", "gateway", "windows", "redis"), ("dedicated", "balancer", "linux", "redis"),
        ("reef", "balancer", "windows", "redis"), ("dedicated", "gateway", "linux", "per_node"),
        ("reef", "gateway", "linux", "per_node"), ("dedicated", "balancer", "windows", "per_node"),
    )
)  # fmt: skip
"""With them any two options that can go together do."""


class AzureWalk(Walk):
    """The web behind a load balancer or an application gateway, with a certificate of the team's vault."""

    package: ClassVar[str] = "azure-native"
    cloud: ClassVar[str] = "azure"
    region: ClassVar[str] = REGION
    throttled: ClassVar[str] = "azure-native:network:*"
    third: ClassVar[str] = "acme-node-3-octopus"

    def prepare(self) -> tuple[str, str]:
        for address in SECRETS:
            self.control.put_secret(address, "a certificate with its key")
        if self.made_of.way == "gateway":
            return SECRETS
        query = "SELECT id FROM objects WHERE type = 'azure-native:keyvault:Vault'"
        ((vault,),) = Database.open(self.root).rows(query)
        return f"{vault}/secrets/acme-old", f"{vault}/secrets/acme-new"

    def cell_body(self, stage: Stage) -> list[str]:
        one = self.made_of
        kind = "application_gateway" if one.way == "gateway" else "load_balancer"
        named = f"host: {HOST}, balancer: {kind}, certificate: '{stage.certificate}'"
        polling = "polling: redis, grpc: true" if one.polling == "redis" else "polling: per_node"
        return [f"  storage: {{sizeGiB: {stage.size_gib}}}", f"  ingress: {{{polling}, {named}}}"]

    def reef_body(self, stage: Stage) -> list[str]:
        del stage
        return []

    def has_changed(self) -> None:
        listed = [str(one) for one in self.of("azure-native:network:ApplicationGateway", "sslCertificates")]
        machines = self.of("azure-native:compute:VirtualMachine", "userData")
        assert [decode(str(one["userData"]))["certificate"] for one in machines] == [SECRETS[1]] * 3
        if self.made_of.way == "gateway":
            assert all(SECRETS[1] in one for one in listed), listed
            assert len(listed) == 1
        sizes = [one["shareQuota"] for one in self.of("azure-native:storage:FileShare", "shareQuota")]
        assert sum(int(str(size)) for size in sizes) >= 2000
        kind = "ElasticPool" if self.made_of.placement == "reef" else "Database"
        (host,) = self.of(f"azure-native:sql:{kind}", "sku")
        assert host["sku"]["capacity"] == 4, host["sku"]  # type: ignore[index]

    def keeps(self, left: set[str]) -> None:
        assert left == set(), "Azure keeps names, and no object of a cell"
