"""Every promise of AWS is kept by its program: what each witness names is declared, for cells of every kind."""

from __future__ import annotations

import pytest

from cellctl.clouds import AccountFacts, load
from cellctl.facts.promises import promises, unkept
from cellctl.spec import CellSpec

KINDS: dict[str, dict[str, object]] = {
    "trial": {"preset": "trial"},
    "standard": {},
    "smb": {"preset": "gold", "storage": {"protocol": "smb"}},
    "queued": {"ingress": {"polling": "redis"}, "nodes": {"os": "linux"}},
    "copied": {"database": {"geoBackup": True, "multiZone": True}},
    "one zone": {"database": {"multiZone": False}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_its_program_keeps_what_is_promised(kind: str, record) -> None:
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", **KINDS[kind]}
    layout = load("aws").layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}))
    recorded = record(lambda: load("aws").program(layout, AccountFacts(id="123456789012", sandbox=True)))
    given = promises("aws", layout.to_json())
    declared = [(item.type, item.inputs) for item in recorded.resources]
    assert unkept(given, declared) == []
    # Each witness is one: without the type it names, nothing keeps the promise.
    for promise in given:
        for witness in promise.witnesses:
            others = [(type_, inputs) for type_, inputs in declared if type_ != witness.type]
            assert unkept([promise], others), promise
