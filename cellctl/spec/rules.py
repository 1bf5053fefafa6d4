"""Rules across the fields of a cell file that hold on every cloud. Pure; all are always checked.

Sources: Octopus documentation on node planning, licences and multi-node polling (read 2026-10); limits of one cloud are
refused by that cloud's layout.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cellctl.spec import file_rules
from cellctl.spec.existing_rules import of_existing, subnets_of
from cellctl.spec.finding import Finding, broken
from cellctl.units import version_key

if TYPE_CHECKING:
    from cellctl.spec.model import CellBody, CellSpec

# Tasks at once that a node of each size carries: 2 cores 5-10, 4 cores 20-30, 8 cores 40.
TASKS_BY_SIZE = {"small": 10, "medium": 30, "large": 40}
# rotate-master-key and every shared folder we create exist from here on.
OLDEST_VERSION = "2022.4.0"
# A Redis queue serves all polling Tentacles at one address from here on.
REDIS_POLLING_SINCE = "2026.4.6909"
# Where cellctl itself runs; dedicated networks must leave it free, because every rule admits it.
CONTROL_RANGE = "10.255.0.0/24"
_GATEWAY_CERTIFICATE = re.compile(r"https://[a-zA-Z][a-zA-Z0-9-]{2,23}\.vault\.azure\.net/secrets/[0-9a-zA-Z-]{1,127}")


def findings(spec: CellSpec) -> list[Finding]:
    """Return every broken rule."""
    return [finding for rule in _RULES for finding in rule(spec.spec)]


def _roles(body: CellBody) -> Iterator[Finding]:
    count, roles = body.nodes.count, body.nodes.roles
    if len(roles) != count:
        yield broken(
            f"has {len(roles)} entries for {count} nodes; there must be one for each",
            "nodes.roles",
            "nodes.count",
            hint=f"roles: [{', '.join(['both'] * count)}]",
        )
    if roles and all(role == "ui" for role in roles):
        yield broken("no node would run tasks", "nodes.roles", hint="give a node the role both or worker")
    if roles and all(role == "worker" for role in roles):
        yield broken("no node would serve the web", "nodes.roles", hint="give a node the role both or ui")


def _tasks(body: CellBody) -> Iterator[Finding]:
    size, cap = body.nodes.size, body.octopus.task_cap
    if cap > TASKS_BY_SIZE[size]:
        fitting = [name for name, most in TASKS_BY_SIZE.items() if cap <= most]
        hint = f"use size: {fitting[0]}" if fitting else "use more nodes"
        yield broken(
            f"is {cap}; a {size} node carries {TASKS_BY_SIZE[size]} tasks at once",
            "octopus.taskCap",
            "nodes.size",
            hint=hint,
        )


def _licence(body: CellBody) -> Iterator[Finding]:
    licence, count = body.octopus.licence, body.nodes.count
    if licence is not None and licence.node_limit is not None and count > licence.node_limit:
        yield broken(
            f"is {count}, and the licence allows {licence.node_limit}",
            "nodes.count",
            "octopus.licence.nodeLimit",
            hint="over its limit Octopus neither creates nor deploys releases",
        )


def _version(body: CellBody) -> Iterator[Finding]:
    version = version_key(body.octopus.version)
    if version < version_key(OLDEST_VERSION):
        yield broken(f"is older than {OLDEST_VERSION}, which a cell needs", "octopus.version")
    if body.ingress.polling == "redis" and version < version_key(REDIS_POLLING_SINCE):
        yield broken(
            f"redis needs Octopus {REDIS_POLLING_SINCE} or newer; this is {body.octopus.version}",
            "ingress.polling",
            "octopus.version",
            hint="use polling: per_node",
        )


def _azure_backups(body: CellBody) -> Iterator[Finding]:
    long_term, failover = body.database.long_term, body.database.failover
    if body.cloud != "azure":
        if body.database.authentication is not None:
            hint = "remove it: RDS signs nodes in with a password of a secret"
            yield broken("exists on Azure only", "database.authentication", "cloud", hint=hint)
        if body.database.password_turn > 1:
            yield broken("exists on Azure only", "database.passwordTurn", "cloud", hint="remove it")
        for name, value in (("longTerm", long_term), ("failover", failover)):
            if value is not None:
                hint = "use database.geoBackup, or a plan of AWS Backup of your own"
                yield broken("exists on Azure only", f"database.{name}", "cloud", hint=hint)
        return
    if body.database.password_turn > 1 and body.database.authentication != "sql":
        hint = "remove it, or authentication: sql"
        yield broken("is of a password", "database.passwordTurn", "database.authentication", hint=hint)
    if body.database.edition != "standard":
        yield broken("exists on AWS only", "database.edition", "cloud", hint="leave it out")
    if long_term is not None and not (long_term.weeks or long_term.months or long_term.years):
        hint = "longTerm: {weeks: 12, months: 12, years: 7}"
        yield broken("keeps nothing", "database.longTerm", hint=hint)
    if failover is not None and failover.region == body.region:
        yield broken("is the cell's own region", "database.failover.region", "region", hint="name another one")


def _allow(body: CellBody) -> Iterator[Finding]:
    ranges = [ipaddress.IPv4Network(text) for text in body.ingress.allow]
    if body.ingress.exposure == "internal" and any(one.prefixlen == 0 for one in ranges):
        yield broken(
            "0.0.0.0/0 admits everybody, and the cell is internal",
            "ingress.allow",
            "ingress.exposure",
            hint="list the ranges of your users and Tentacles",
        )
    if body.ingress.exposure == "public" and all(one.is_private for one in ranges):
        yield broken(
            "the cell is public, and only private ranges may connect",
            "ingress.allow",
            "ingress.exposure",
            hint="list the public ranges of your users, or use exposure: internal",
        )
    for (first, one), (second, two) in itertools.combinations(enumerate(ranges), 2):
        if one.overlaps(two):
            inner, outer, index = (one, two, first) if one.subnet_of(two) and one != two else (two, one, second)
            yield broken(f"{inner} is already inside {outer}", f"ingress.allow[{index}]", hint="remove it")


def _ingress(body: CellBody) -> Iterator[Finding]:
    ingress = body.ingress
    if ingress.exposure == "public" and ingress.host.endswith((".internal", ".local", ".test")):
        yield broken(
            f"{ingress.host} cannot be found on the internet, and the cell is public",
            "ingress.host",
            "ingress.exposure",
            hint="give it a name in a domain of yours",
        )
    if ingress.queue_token > 1 and (ingress.polling != "redis" or body.cloud != "aws"):
        hint = "polling: redis" if body.cloud == "aws" else "remove it: regenerate the key of the queue"
        yield broken("is of a queue of ElastiCache", "ingress.queueToken", "ingress.polling", "cloud", hint=hint)
    certificate = ingress.certificate
    if certificate is None:
        return
    if body.cloud == "aws" and not _is_certificate_arn(certificate, body.region):
        yield broken(
            f"must be the ARN of an ACM certificate in {body.region}",
            "ingress.certificate",
            "cloud",
            "region",
            hint=f"arn:aws:acm:{body.region}:ACCOUNT:certificate/ID",
        )
    if body.cloud == "azure" and not (_VAULT_SECRET.fullmatch(certificate) or _SECRET_ID.fullmatch(certificate)):
        yield broken(
            "must be the address or the resource id of a secret in Key Vault",
            "ingress.certificate",
            "cloud",
            hint="https://VAULT.vault.azure.net/secrets/NAME, or /subscriptions/…/vaults/VAULT/secrets/NAME",
        )


def _gateway(body: CellBody) -> Iterator[Finding]:
    ingress = body.ingress
    if ingress.balancer != "application_gateway":
        hint = "remove it, or use balancer: application_gateway"
        for name, value in (("firewall", ingress.firewall), ("authority", ingress.authority)):
            if value is not None:
                yield broken("is of an application gateway", f"ingress.{name}", "ingress.balancer", hint=hint)
        return
    if body.cloud != "azure":
        yield broken("application_gateway exists on Azure only", "ingress.balancer", "cloud")
    elif ingress.certificate is None:
        yield broken(
            "is needed: an application gateway takes it from Key Vault, and trusts nodes only that show it",
            "ingress.certificate",
            "ingress.balancer",
            hint="https://VAULT.vault.azure.net/secrets/NAME",
        )
    elif not _GATEWAY_CERTIFICATE.fullmatch(ingress.certificate):
        yield broken(
            "must be the id of a secret without a version, so that the gateway takes the next one by itself",
            "ingress.certificate",
            "ingress.balancer",
            hint="https://VAULT.vault.azure.net/secrets/NAME",
        )


def _is_certificate_arn(text: str, region: str) -> bool:
    parts = text.split(":")
    return len(parts) == 6 and parts[0] == "arn" and parts[2] == "acm" and parts[3] == region


def _network(body: CellBody) -> Iterator[Finding]:
    network = body.network
    if network.existing is not None and network.create:
        yield broken(
            "create is true and an existing network is named", "network.create", "network.existing",
            hint="create: false",
        )  # fmt: skip
    if network.existing is not None and network.cidr is not None:
        yield broken("an existing network has its own range", "network.cidr", "network.existing", hint="remove it")
    if network.existing is None and not network.create:
        yield broken("is false, and no existing network is named", "network.create", "network.existing")
    if network.existing is None and network.create and network.cidr is None:
        yield broken("is needed for a network of its own", "network.cidr", "network.create")
    if network.existing is not None and body.placement != "dedicated":
        yield broken("a cell on a reef is in the reef's network", "network.existing", "placement", hint="remove it")
    if network.cidr is not None and ipaddress.IPv4Network(network.cidr).overlaps(ipaddress.IPv4Network(CONTROL_RANGE)):
        yield broken(f"overlaps {CONTROL_RANGE}, where cellctl itself runs", "network.cidr")


def _existing(body: CellBody) -> Iterator[Finding]:
    if body.network.existing is not None:
        yield from of_existing(body.network.existing, body.cloud)


_VAULT_SECRET = re.compile(r"https://[a-zA-Z][a-zA-Z0-9-]{2,23}\.vault\.azure\.net/[!-~]+")
_SECRET_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.KeyVault/vaults/[^/]+/secrets/[0-9a-zA-Z-]{1,127}",
    re.IGNORECASE,
)
_PRIVATE_ZONE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/privateDnsZones/[^/]+", re.IGNORECASE
)


def _azure_zone(body: CellBody) -> Iterator[Finding]:
    zone = body.ingress.zone
    if body.cloud != "azure" or zone is None:
        return
    if not _PRIVATE_ZONE.fullmatch(zone):
        yield broken(
            "must be the id of a private DNS zone",
            "ingress.zone",
            "cloud",
            hint="`az network private-dns zone list --query [].id`",
        )
    if body.ingress.exposure == "public":
        yield broken(
            "a private zone answers inside of its networks only, and the cell is public",
            "ingress.zone",
            "ingress.exposure",
            hint="remove it, and publish the name yourself",
        )


def _gateway_subnet(body: CellBody) -> Iterator[Finding]:
    there, field = body.network.existing, "network.existing.gatewaySubnets"
    if there is None or body.cloud != "azure" or body.ingress.balancer != "application_gateway":
        return
    others = {one.lower() for name, named in subnets_of(there) if name != "gatewaySubnets" for one in named}
    if not there.gateway_subnets:
        hint = f"{there.id}/subnets/NAME"
        yield broken("is needed: a gateway shares its subnet with nothing else", field, "ingress.balancer", hint=hint)
    elif there.gateway_subnets[0].lower() in others:
        yield broken("is for gateways alone, and is named for something else too", field, "network.existing.subnets")


def _key(body: CellBody) -> Iterator[Finding]:
    key = body.protection.key
    if key is not None and body.cloud == "aws" and not is_key_arn(key, body.region):
        yield broken(
            f"must be the ARN of a KMS key in {body.region}, not of an alias",
            "protection.key",
            "region",
            hint=f"arn:aws:kms:{body.region}:ACCOUNT:key/ID",
        )


_VAULT_KEY = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.KeyVault/vaults/[^/]+/keys/[^/]+", re.IGNORECASE
)


def _azure_key(body: CellBody) -> Iterator[Finding]:
    key = body.protection.key
    if key is not None and body.cloud == "azure" and not is_vault_key(key):
        hint = "/subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/VAULT/keys/NAME"
        yield broken("must be the id of a key in Key Vault, without a version", "protection.key", "cloud", hint=hint)


def is_vault_key(text: str) -> bool:
    """Tell whether a text is the resource id of a key in Key Vault; a version would be one that stays."""
    return _VAULT_KEY.fullmatch(text) is not None


def is_key_arn(text: str, region: str) -> bool:
    """Tell whether a text is the ARN of a key of KMS in a region; an alias could come to mean another key."""
    parts = text.split(":")
    return len(parts) == 6 and parts[0] == "arn" and parts[2:4] == ["kms", region] and parts[5].startswith("key/")


_RULES: tuple[Callable[[CellBody], Iterator[Finding]], ...] = (
    _roles,
    _tasks,
    _licence,
    _version,
    *file_rules.RULES,
    _azure_backups,
    _allow,
    _ingress,
    _gateway,
    _network,
    _existing,
    _gateway_subnet,
    _azure_zone,
    _key,
    _azure_key,
)
