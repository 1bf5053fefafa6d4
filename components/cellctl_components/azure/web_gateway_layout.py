"""WebGatewayLayout: the application gateway in front of a cell's web, where its file asks for one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cellctl_components import layout as shared
from cellctl_components.azure import facts
from cellctl_components.azure.names import AzureNames

if TYPE_CHECKING:
    from cellctl.spec import CellSpec

SUBNET = "gateway"


@dataclass(frozen=True, kw_only=True, slots=True)
class WebGatewayLayout:
    """One application gateway of version 2. It ends TLS for the web and speaks TLS to nodes; Tentacles pass it by.

    `address` is the internal frontend's, empty where the exposure is public: then `public_address` and `dns_label` are
    its own. `authority` is base64 of the root that nodes' certificate is of, empty where Azure knows it. `firewall` and
    `mode` are empty without a web firewall. `capacity` is least and most of its instances.
    """

    name: str
    sku: Literal["WAF_v2", "Standard_v2"]
    firewall: str
    mode: Literal["Detection", "Prevention", ""]
    rules: tuple[str, str]
    capacity: tuple[int, int]
    identity: str
    certificate: str
    authority: str
    address: str
    public_address: str
    dns_label: str
    tls_policy: str
    request_timeout_s: int
    drain_timeout_s: int


def web_gateway_of(spec: CellSpec, names: AzureNames, cidr: str, *, entry: str = "") -> WebGatewayLayout | None:
    """Return the gateway of a cell whose subnet is `cidr`, None where the load balancer carries the web too.

    `entry` is its address in a subnet of others; in one of the cell's own it is the last.
    """
    ingress, cell = spec.spec.ingress, spec.metadata.name
    if ingress.balancer != "application_gateway":
        return None
    internal, wall = ingress.exposure == "internal", ingress.firewall or "detect"
    known = facts.web_gateway()
    modes: dict[str, Literal["Detection", "Prevention", ""]] = {"detect": "Detection", "prevent": "Prevention"}
    return WebGatewayLayout(
        name=f"agw-oct-{cell}",
        sku="Standard_v2" if wall == "off" else "WAF_v2",
        firewall="" if wall == "off" else f"waf-oct-{cell}",
        mode=modes.get(wall, ""),
        rules=("", "") if wall == "off" else known.rules,
        capacity=known.capacity,
        identity=names.web_gateway,
        certificate=ingress.certificate or "",
        authority=_bare(ingress.authority or ""),
        address=(entry or _address(cidr)) if internal else "",
        public_address="" if internal else f"pip-oct-{cell}-web",
        dns_label="" if internal else names.web_label,
        tls_policy=known.tls_policy,
        request_timeout_s=known.request_timeout_s,
        drain_timeout_s=known.drain_timeout_s,
    )


def _bare(pem: str) -> str:
    """Return the base64 inside PEM text of one certificate."""
    return "".join(line for line in pem.splitlines() if line and not line.startswith("-----"))


def _address(cidr: str) -> str:
    """Return the last free address of a subnet: the gateway's instances take theirs from its beginning."""
    size = 2 ** (32 - int(cidr.rpartition("/")[2]))
    return shared.address_in(cidr, size - 2)
