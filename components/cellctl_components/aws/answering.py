"""Where a cell answers, as outputs of its stack: what `cellctl.verify` looks at. Pure: known before it is made."""

from __future__ import annotations

from cellctl_components.aws.layout import WEB_PORT, AwsLayout, ShareLayout


def nodes(layout: AwsLayout) -> list[dict[str, object]]:
    """Return where each node answers, and what it is to run."""
    return [
        {
            "name": node.name,
            "address": node.address,
            "port": WEB_PORT,
            "scheme": "http",
            "zone": node.zone,
            "version": layout.octopus.version,
            "taskCap": node.task_cap,
            **({"queue": True} if layout.queue else {}),
        }
        for node in layout.nodes.items
    ]


def database(layout: AwsLayout) -> dict[str, object]:
    """Return what is known of the database beforehand; the zones of a reef's host are in the reef's outputs."""
    found = layout.database
    known = {"kind": "rds", "port": found.port, "name": found.name, "region": layout.region, "login": found.login}
    return {**known, **({} if layout.place else {"multiZone": found.multi_zone})}


def where(share: ShareLayout) -> str:
    """Return where a kind of file is: its share, and the folder there."""
    return f"{share.name}/{share.folder}" if share.folder else share.name


def polling_ports(layout: AwsLayout) -> list[int]:
    """Return the ports that Tentacles poll, each once."""
    return list(dict.fromkeys(node.polling_port for node in layout.nodes.items))


def entries(layout: AwsLayout) -> dict[str, list[dict[str, object]]]:
    """Return the ways in, and what must be closed to whoever is no node."""
    host = layout.ingress
    # The gateway's shares are for nodes only.
    closed: list[dict[str, object]] = [{"host": layout.gateway.address, "port": port} for port in (445, 2049)]
    if layout.place:
        other = 445 if layout.gateway.protocol == "nfs" else 2049  # one way is open to cellctl, shares are not
        closed = [{"host": layout.place.gateway, "port": other}]
    return {
        "web": [{"host": host.host, "port": 443, "nodes": [node.name for node in layout.nodes.items]}],
        "redirect": [{"host": host.host, "port": 80}],
        "polling": [{"host": host.polling_host, "port": port} for port in polling_ports(layout)],
        **({"grpc": [{"host": host.polling_host, "port": layout.grpc_port}]} if host.grpc_target else {}),
        "closed": closed,
    }
