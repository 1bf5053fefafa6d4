"""URNs: building them, taking them apart, and aliases with those that a parent hands down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cellctl_sandbox.engine.goals import Alias

ROOT_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """Return the URN of a resource. The root stack and no parent do not show in the qualified type."""
    prefix = qualified_type(parent) if parent else ""
    qualified = f"{prefix}${type_}" if prefix and prefix != ROOT_TYPE else type_
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def qualified_type(urn: str) -> str:
    """Return the types of a resource and its parents, joined by `$`."""
    return urn.split("::", 3)[2]


def type_of(urn: str) -> str:
    """Return the resource's own type."""
    return qualified_type(urn).rpartition("$")[2]


def name_of(urn: str) -> str:
    """Return the logical name."""
    return urn.split("::", 3)[3]


def split_reference(reference: str) -> tuple[str, str]:
    """Return URN and id of a provider reference `<urn>::<id>`."""
    urn, _, id_ = reference.rpartition("::")
    return urn, id_


def default_provider_name(version: str, download_url: str = "") -> str:
    """Return the logical name of the default provider of a version."""
    name = "default"
    for part in (version, download_url.partition("://")[2]):
        if part:
            name += "_" + "".join(letter if letter.isalnum() else "_" for letter in part)
    return name


def denied_reference(package: str) -> str:
    """Return what stands for a default provider that is disabled, where nobody asks for it (CLI 3.260)."""
    return f"urn:pulumi:denied::denied::denied$pulumi:providers:denied::{package}::denydefaultprovider"


def is_default_provider(urn: str) -> bool:
    """Tell whether a URN names a default provider: one that no program declares."""
    if not qualified_type(urn).startswith(PROVIDER_PREFIX):
        return False
    name = name_of(urn)
    return name == "default" or name.startswith("default_")


def alias_urns(urn: str, parent: str, aliases: Iterable[Alias], matched: Mapping[str, str]) -> tuple[str, ...]:
    """Return the URNs under which a resource may be known, most specific first, each once.

    `matched` gives the old URN of each resource that was found by an alias: a child of one of them is also looked for
    under that URN. Its type prefix changes with it, and its name where it began with the parent's.
    """
    own = [_expanded(urn, parent, alias, matched) for alias in aliases]
    found = dict.fromkeys(own)
    if parent in matched:
        old_parent = matched[parent]
        for name in (urn, *own):
            stack, project = urn.split("::", 2)[0].removeprefix("urn:pulumi:"), urn.split("::", 2)[1]
            inherited = _inherited_name(name_of(name), parent, old_parent)
            found[make_urn(stack, project, old_parent, type_of(name), inherited)] = None
    return tuple(found)


def _expanded(urn: str, parent: str, alias: Alias, matched: Mapping[str, str]) -> str:
    if alias.urn:
        return alias.urn
    stack, project = urn.split("::", 2)[0].removeprefix("urn:pulumi:"), urn.split("::", 2)[1]
    if alias.no_parent:
        parent = ""
    elif alias.parent_urn:
        parent = matched.get(alias.parent_urn, alias.parent_urn)
    return make_urn(
        alias.stack or stack, alias.project or project, parent, alias.type or type_of(urn), alias.name or name_of(urn)
    )


def _inherited_name(name: str, parent: str, old_parent: str) -> str:
    if name.startswith(name_of(parent)):
        return name_of(old_parent) + name.removeprefix(name_of(parent))
    return name
