"""Where a cell answers, as outputs of its stack: what `cellctl.verify` looks at. Pure: known before it is made."""

from __future__ import annotations

from cellctl_components.azure.layout import GRPC_PORT, AzureLayout


def nodes(layout: AzureLayout) -> list[dict[str, object]]:
    """Return where each node answers, and what it is to run."""
    return [
        {
            "name": node.computer_name,
            "address": node.address,
            "port": 443,
            "scheme": "https",
            "tlsName": layout.ingress.host,
            "zone": node.zone,
            "machine": node.name,
            "version": layout.octopus_version,
            "taskCap": node.task_cap,
            **({"queue": True} if layout.queue else {}),
        }
        for node in layout.nodes
    ]


def entries(layout: AzureLayout) -> dict[str, list[dict[str, object]]]:
    """Return the ways in, and what must be closed to whoever is no node.

    A balancer that faces the internet is not looked at: cellctl's public address need not be allowed there.
    """
    if layout.ingress.exposure != "internal":
        return {}
    host, polled = layout.ingress.host, layout.ingress.polling_host
    polling: list[dict[str, object]] = [{"host": polled, "port": port} for port in poll_ports(layout)]
    grpc: list[dict[str, object]] = [{"host": polled, "port": GRPC_PORT}] if layout.ingress.grpc else []
    serving = [node.computer_name for node in layout.nodes if node.role != "worker"]
    # Port 80 is for the load balancer's probe.
    closed: list[dict[str, object]] = [{"host": node.address, "port": 80} for node in layout.nodes]
    found = {"web": [{"host": host, "port": 443, "nodes": serving}], "polling": polling, "closed": closed}
    return {**found, "grpc": grpc} if grpc else found


def addresses(layout: AzureLayout) -> dict[str, object]:
    """Return where Tentacles poll, and where gRPC answers if it is offered."""
    polled = layout.ingress.polling_host
    return {
        "pollAddresses": [f"https://{polled}:{port}" for port in poll_ports(layout)],
        **({"grpcAddress": f"{polled}:{GRPC_PORT}"} if layout.ingress.grpc else {}),
    }


def files(layout: AzureLayout) -> dict[str, object]:
    """Return the share of each kind of file, and the host of those that are placed apart."""
    apart = {share.kind: account.host for account in layout.apart for share in account.shares}
    return {
        "shares": {share.kind: share.name for account in layout.accounts for share in account.shares},
        **({"apart": apart} if apart else {}),
    }


def poll_ports(layout: AzureLayout) -> list[int]:
    """Return the ports that Tentacles poll: one for each node, or one for all."""
    return [*dict.fromkeys(node.poll_port for node in layout.nodes)]
