"""WebGateway: an application gateway in front of a cell's web, whom it reads its certificate as, and its firewall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, managedidentity, network

from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.layout import NodeLayout
from cellctl_components.azure.place import Grant, Place, child, lock, named, stateful
from cellctl_components.azure.public_address import public_address, published
from cellctl_components.azure.vault import may_read
from cellctl_components.azure.web_gateway_layout import WebGatewayLayout

FRONTEND, PORT, CERTIFICATE, LISTENER, AUTHORITY = "fe", "https", "web", "https", "authority"
POOL, SETTINGS, PING, RULE = "nodes", "nodes", "octopus-ping", "web"
PING_PATH = "/api/octopusservernodes/ping"


@dataclass(frozen=True, kw_only=True)
class WebGatewayArgs:
    """What it is made of. `nodes` serve the web under `host`; `vault_id` is of the vault of its certificate.

    `reader` are nodes too, who show the same certificate.
    """

    place: Place
    layout: WebGatewayLayout
    host: str
    nodes: Sequence[NodeLayout]
    subnet_id: pulumi.Input[str]
    vault_id: str
    reader: Grant
    workspace: pulumi.Input[str]


class WebGateway(pulumi.ComponentResource):
    """An application gateway of version 2 over three zones: 443 and nothing else, ended and opened again to nodes.

    It trusts a node by the name and issuer of its certificate, the same one that it shows itself and reads from Key
    Vault. Nodes are in its pool by their addresses, so no interface waits for it. A draining node answers 418 and gets
    no new request. Uploads are not read by the firewall, whose limits Octopus' packages are above.
    """

    gateway_id: pulumi.Output[str]

    def __init__(self, name: str, args: WebGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:WebGateway", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self.identity = self._identity()
        self.role = self._reads("certificate", Grant(principal=self.identity.principal_id, label=args.layout.identity))
        self.nodes_role = self._reads("nodes", args.reader)
        self.public_address = self._public_address() if args.layout.public_address else None
        self.firewall = self._firewall() if args.layout.firewall else None
        self.gateway = self._gateway()
        self.gateway_id = self.gateway.id
        if self.firewall is not None:
            send_logs(self, f"{name}-logs", self.gateway_id, args.workspace, ["ApplicationGatewayFirewallLog"])
        self.address, self.entry = args.layout.address, self._entry()
        self.register_outputs({"gatewayId": self.gateway_id})

    def _reads(self, label: str, grant: Grant) -> authorization.RoleAssignment:
        """Declare that somebody may read the certificate with its key."""
        secret = f"{self._args.vault_id}/secrets/{self._layout.certificate.rpartition('/')[2]}"
        return may_read(self, f"{self._name}-{label}", self._args.place, grant, secret=secret)

    def _entry(self) -> pulumi.Output[str]:
        """Return where people enter: the name under which Azure publishes the address, or the private address."""
        if self.public_address is None:
            return named(self.gateway, self._layout.address)
        return published(self.public_address, self._args.place, self._layout.dns_label)

    def _identity(self) -> managedidentity.UserAssignedIdentity:
        identity = managedidentity.UserAssignedIdentity(
            f"{self._name}-identity",
            resource_group_name=self._args.place.resource_group,
            resource_name_=self._layout.identity,
            location=self._args.place.location,
            tags=self._args.place.tags,
            opts=stateful(self),
        )
        if self._args.place.locked:
            lock(self, f"{self._name}-identity", identity.id)
        return identity

    def _public_address(self) -> network.PublicIPAddress:
        layout = self._layout
        return public_address(
            self, f"{self._name}-address", self._args.place, layout.public_address, label=layout.dns_label
        )

    def _firewall(self) -> network.WebApplicationFirewallPolicy:
        """Declare the rules that headers, addresses and cookies are held against. Bodies are not read.

        What people send to Octopus are scripts, which every such rule takes for an attack, and packages of gigabytes.
        """
        kind, version = self._layout.rules
        return network.WebApplicationFirewallPolicy(
            f"{self._name}-firewall",
            resource_group_name=self._args.place.resource_group,
            policy_name=self._layout.firewall,
            location=self._args.place.location,
            managed_rules=network.ManagedRulesDefinitionArgs(
                managed_rule_sets=[network.ManagedRuleSetArgs(rule_set_type=kind, rule_set_version=version)]
            ),
            policy_settings=network.PolicySettingsArgs(
                state="Enabled",
                mode=self._layout.mode,
                request_body_check=False,
                request_body_enforcement=False,
                file_upload_enforcement=False,
            ),
            tags=self._args.place.tags,
            opts=child(self),
        )

    def _gateway(self) -> network.ApplicationGateway:
        place, layout = self._args.place, self._layout
        least, most = layout.capacity
        return network.ApplicationGateway(
            f"{self._name}-gateway",
            resource_group_name=place.resource_group,
            application_gateway_name=layout.name,
            location=place.location,
            zones=["1", "2", "3"],
            sku=network.ApplicationGatewaySkuArgs(name=layout.sku, tier=layout.sku),
            autoscale_configuration=network.ApplicationGatewayAutoscaleConfigurationArgs(
                min_capacity=least, max_capacity=most
            ),
            identity=network.ManagedServiceIdentityArgs(
                type="UserAssigned", user_assigned_identities=[self.identity.id]
            ),
            firewall_policy=network.SubResourceArgs(id=self.firewall.id) if self.firewall else None,
            gateway_ip_configurations=[
                network.ApplicationGatewayIPConfigurationArgs(
                    name="subnet", subnet=network.SubResourceArgs(id=self._args.subnet_id)
                )
            ],
            frontend_ip_configurations=[self._frontend()],
            frontend_ports=[network.ApplicationGatewayFrontendPortArgs(name=PORT, port=443)],
            ssl_certificates=[
                network.ApplicationGatewaySslCertificateArgs(name=CERTIFICATE, key_vault_secret_id=layout.certificate)
            ],
            trusted_root_certificates=[
                network.ApplicationGatewayTrustedRootCertificateArgs(name=AUTHORITY, data=layout.authority)
            ]
            if layout.authority
            else None,
            ssl_policy=network.ApplicationGatewaySslPolicyArgs(policy_type="Predefined", policy_name=layout.tls_policy),
            http_listeners=[self._listener()],
            backend_address_pools=[self._pool()],
            backend_http_settings_collection=[self._settings()],
            probes=[self._probe()],
            request_routing_rules=[self._rule()],
            # A firewall reads what it judges, so Azure wants requests kept there; without one uploads go straight on.
            global_configuration=network.ApplicationGatewayGlobalConfigurationArgs(
                enable_request_buffering=self.firewall is not None, enable_response_buffering=False
            ),
            enable_http2=True,
            tags=place.tags,
            opts=child(self, self.role),
        )

    def _frontend(self) -> network.ApplicationGatewayFrontendIPConfigurationArgs:
        if self.public_address is not None:
            return network.ApplicationGatewayFrontendIPConfigurationArgs(
                name=FRONTEND, public_ip_address=network.SubResourceArgs(id=self.public_address.id)
            )
        return network.ApplicationGatewayFrontendIPConfigurationArgs(
            name=FRONTEND,
            private_ip_address=self._layout.address,
            private_ip_allocation_method="Static",
            subnet=network.SubResourceArgs(id=self._args.subnet_id),
        )

    def _listener(self) -> network.ApplicationGatewayHttpListenerArgs:
        return network.ApplicationGatewayHttpListenerArgs(
            name=LISTENER,
            protocol="Https",
            frontend_ip_configuration=self._part("frontendIPConfigurations", FRONTEND),
            frontend_port=self._part("frontendPorts", PORT),
            ssl_certificate=self._part("sslCertificates", CERTIFICATE),
        )

    def _pool(self) -> network.ApplicationGatewayBackendAddressPoolArgs:
        return network.ApplicationGatewayBackendAddressPoolArgs(
            name=POOL,
            backend_addresses=[
                network.ApplicationGatewayBackendAddressArgs(ip_address=node.address)
                for node in self._args.nodes
                if node.role != "worker"
            ],
        )

    def _settings(self) -> network.ApplicationGatewayBackendHttpSettingsArgs:
        """Return how nodes are spoken to; the host is what their certificate is looked at for."""
        return network.ApplicationGatewayBackendHttpSettingsArgs(
            name=SETTINGS,
            port=443,
            protocol="Https",
            host_name=self._args.host,
            cookie_based_affinity="Disabled",
            request_timeout=self._layout.request_timeout_s,
            connection_draining=network.ApplicationGatewayConnectionDrainingArgs(
                enabled=True, drain_timeout_in_sec=self._layout.drain_timeout_s
            ),
            probe=self._part("probes", PING),
            trusted_root_certificates=[self._part("trustedRootCertificates", AUTHORITY)]
            if self._layout.authority
            else None,
        )

    def _probe(self) -> network.ApplicationGatewayProbeArgs:
        """Return the probe. Without a match Azure takes 200 to 399 for healthy."""
        return network.ApplicationGatewayProbeArgs(
            name=PING,
            protocol="Https",
            path=PING_PATH,
            pick_host_name_from_backend_http_settings=True,
            interval=10,
            timeout=5,
            unhealthy_threshold=2,
            match=network.ApplicationGatewayProbeHealthResponseMatchArgs(status_codes=["200"]),
        )

    def _rule(self) -> network.ApplicationGatewayRequestRoutingRuleArgs:
        return network.ApplicationGatewayRequestRoutingRuleArgs(
            name=RULE,
            rule_type="Basic",
            priority=100,
            http_listener=self._part("httpListeners", LISTENER),
            backend_address_pool=self._part("backendAddressPools", POOL),
            backend_http_settings=self._part("backendHttpSettingsCollection", SETTINGS),
        )

    def _part(self, kind: str, part: str) -> network.SubResourceArgs:
        """Return a reference to another part of this gateway, whose id must be known before it exists."""
        path = f"Microsoft.Network/applicationGateways/{self._layout.name}/{kind}/{part}"
        return network.SubResourceArgs(id=self._args.place.arm_id(path))
