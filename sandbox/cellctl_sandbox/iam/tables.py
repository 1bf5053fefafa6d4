"""What services do with roles and keys, and the policies that AWS manages, as data (`services.toml`)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import Table
from cellctl_sandbox.iam.policy import Statement


@lru_cache(maxsize=1)
def _document() -> Table:
    table = Table.load(Path(__file__).with_name("services.toml"))
    sources = {name for name, _ in table.named("sources")}
    managed = [item for _, item in table.named("managed")]
    for item in (*managed, *(table.table(name) for name in table.data if name not in ("sources", "managed"))):
        if item.text("source") not in sources:
            raise item.fail("names a source that is not listed")
    return table


def principal(service: str, region: str) -> str:
    """Return the service principal behind an entry."""
    return _document().table(service).text("service").replace("{region}", region)


def actions(service: str, on: str) -> tuple[str, ...]:
    """Return what a service does on one kind of resource."""
    return _document().table(service).texts(on)


def managed(arn: str) -> tuple[Statement, ...]:
    """Return what a policy that AWS manages allows; nothing if the sandbox does not know it."""
    item = _document().table("managed").table(arn)
    if not item.data:
        return ()
    return (Statement(allows=True, actions=item.texts("actions"), resources=item.texts("resources")),)
