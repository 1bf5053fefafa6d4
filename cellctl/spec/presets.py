"""What each preset fills in where a cell file says nothing. Explicit values always win."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic.alias_generators import to_camel

from cellctl.units import check_host, check_name

DEFAULT_PRESET = "standard"
DEFAULT_VERSION = "2026.4.7000"
DEFAULT_CIDR = "10.64.0.0/20"

_Tree = dict[str, object]

# Octopus sizing: 2 cores for 5-10 tasks, 4 for 20, 8 for 40. Every preset keeps two nodes or more, because a cell is
# highly available by definition.
PRESETS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "trial": {
        "octopus": {"taskCap": 5},
        "nodes": {"count": 2, "size": "small"},
        "database": {"tier": "small", "multiZone": False, "retentionDays": 7, "geoBackup": False},
        "storage": {"sizeGiB": 100},
    },
    "standard": {
        "octopus": {"taskCap": 10},
        "nodes": {"count": 2, "size": "medium"},
        "database": {"tier": "standard", "multiZone": True, "retentionDays": 14, "geoBackup": False},
        "storage": {"sizeGiB": 500},
    },
    "gold": {
        "octopus": {"taskCap": 20},
        "nodes": {"count": 3, "size": "large"},
        "database": {"tier": "large", "multiZone": True, "retentionDays": 35, "geoBackup": True},
        "storage": {"sizeGiB": 2000},
    },
}

BACKENDS: Mapping[str, str] = {"aws": "gateway", "azure": "azure_files"}
# A share of Storage Gateway admits exactly a cell's nodes by its client list, which SMB shares do not have.
PROTOCOLS: Mapping[str, str] = {"gateway": "nfs", "fsx": "smb", "azure_files": "smb"}


def fill(data: object) -> object:
    """Return cell data with everything it does not say filled in; what is not a mapping is returned as it is.

    Keys may be camelCase or snake_case. Nothing is checked here: validation follows and reports what is wrong.
    """
    if not isinstance(data, Mapping):
        return data
    body = data.get("spec")
    if not isinstance(body, Mapping):
        return data
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else getattr(metadata, "name", None)
    safe = name if isinstance(name, str) and _valid(check_name, name) else "cell"
    return {**data, "spec": _merge(defaults(body, safe), body)}


def defaults(body: Mapping[str, object], name: str) -> _Tree:
    """Return the defaults of a body: its preset's values and those that depend on cloud, name or node count."""
    named = body.get("preset")
    preset = PRESETS.get(named if isinstance(named, str) else DEFAULT_PRESET, PRESETS[DEFAULT_PRESET])
    cloud = body.get("cloud")
    nodes: _Tree = {**preset["nodes"]}
    nodes["roles"] = ["both"] * _count(body.get("nodes"), nodes["count"])
    ingress: _Tree = {"host": f"{name}.octopus.internal", "allow": ["10.0.0.0/8"]}
    said = _said(body.get("ingress"), "host")
    host = said if isinstance(said, str) and _valid(check_host, said) else ingress["host"]
    network: _Tree = {"create": False} if _said(body.get("network"), "existing") else {"cidr": DEFAULT_CIDR}
    backend = BACKENDS.get(cloud if isinstance(cloud, str) else "", "gateway")
    asked = _said(body.get("storage"), "backend")
    protocol = PROTOCOLS.get(asked if isinstance(asked, str) else backend, "smb")
    return {
        "octopus": {
            "version": DEFAULT_VERSION,
            **preset["octopus"],
            "administrator": {"username": "admin", "email": f"admin@{host}"},
        },
        "nodes": nodes,
        "database": {**preset["database"]},
        "storage": {"backend": backend, "protocol": protocol, **preset["storage"]},
        "ingress": ingress,
        "network": network,
    }


def _valid(check: Callable[[str], str], text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True


def _said(section: object, key: str) -> object:
    return section.get(key) if isinstance(section, Mapping) else None


def _count(nodes: object, default: object) -> int:
    count = _said(nodes, "count")
    chosen = default if count is None else count
    in_range = isinstance(chosen, int) and not isinstance(chosen, bool) and 0 < chosen <= 8
    return chosen if in_range and isinstance(chosen, int) else 2


def _merge(base: Mapping[str, object], over: Mapping[str, object]) -> _Tree:
    """Return `base` with `over` on top, section by section; null and non-mappings in `over` win as they are."""
    merged: _Tree = dict(base)
    for key, value in over.items():
        alias = to_camel(key) if isinstance(key, str) and "_" in key else key
        alias = "sizeGiB" if alias == "sizeGib" and key == "size_gib" else alias
        below = merged.get(alias)
        merged[alias] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
