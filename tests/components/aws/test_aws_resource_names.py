"""Logical names and type tokens are public API: docs/resource-names.md lists exactly what the program declares."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl.spec.reef import ReefSpec
from cellctl.versions import TEMPLATE
from cellctl_components.aws.layout import EntryLayout, PlaceLayout

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "resource-names.md"
BEGIN, END = "<!-- aws: begin -->", "<!-- aws: end -->"


EXISTING = {"network": {"existing": {"id": "vpc-1", "subnets": ["subnet-a", "subnet-b"]}}}
BLOCKS = [
    {"letter": letter, "name": f"eu-west-1{letter}", "nodes": f"10.1.{at}.16/28"} for at, letter in enumerate("ab")
]
IDS = {"a": "subnet-a", "b": "subnet-b"}
SITE = {
    "network": "vpc-1", "cidr": "10.64.0.0/20", "zones": BLOCKS, "storage": "pl-1",
    "subnets": dict.fromkeys(("ingress", "nodes", "data"), IDS),
}  # fmt: skip
ZONED = {"ingress": {"host": "acme.corp.example.com", "zone": "Z1"}}


def program_of(*, site: dict[str, object] | None = None, born: int = TEMPLATE, **body: object) -> Callable[[], None]:
    cloud = load("aws")
    given = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", **body}
    spec = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": given})
    layout = cloud.layout(spec, site=site)  # type: ignore[arg-type]
    return lambda: cloud.program(layout, AccountFacts(id="123456789012", sandbox=True, born=born))


def on_a_reef() -> Callable[[], None]:
    """Return the program of a cell that shares load balancers of its reef."""
    facts = AccountFacts(id="123456789012", sandbox=True)
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "placement": {"reef": "r1"}}
    spec = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}).to_json()
    numbers = {"number": 0, "web_slot": 1, "polling_slot": 1, "ports": 5, "allow": ["10.0.0.0/8"], "internal": True}
    tiers = {tier: dict.fromkeys("abc", "subnet-1") for tier in ("public", "ingress", "nodes", "data")}
    entry = {field.name: numbers.get(field.name, "x") for field in fields(EntryLayout)}
    place = {field.name: numbers.get(field.name, "x") for field in fields(PlaceLayout)}
    place |= {"subnets": tiers, "cidr": "10.64.0.0/16", "entry": entry}
    return declaring(load("aws"), Wanted(level="cell", spec=spec, place=place), facts)  # type: ignore[arg-type]


def general(name: str) -> str:
    """Return a name with CELL, N (ordinal of a node), Z (letter of a zone) and RANGE (of an ingress rule)."""
    name = re.sub(r"^acme(?=-|$)", "CELL", name)
    name = re.sub(r"^account-prod(?=-|$)", "ACCOUNT", name)
    if name.startswith("reef-r1"):
        name = re.sub(r"-g1-\d\d$", "-gN-NN", name.replace("reef-r1", "REEF"))
        name = re.sub(r"-(g|sql-|web-|polling-)1(?=-|$)", r"-\1N", name)
    name = re.sub(r"-nodes-\d(?=-|$)", "-nodes-N", name)
    name = re.sub(r"-(polling|node|queue)-\d(?=-|$)", r"-\1-N", name)
    name = re.sub(r"-(public|ingress|nodes|data|nat|private)-[a-z](?=-nat$|$)", r"-\1-Z", name)
    name = re.sub(r"(in-tcp-(?:80|443|8443|10943(?:-\d+)?))-[\d.]+-\d+$", r"\1-RANGE", name)
    return re.sub(r"-tcp-10943-1094\d-", "-tcp-10943-LAST-", name)


def rows(*recordings: object) -> list[str]:
    found = {}
    for recording in recordings:
        for each in recording.resources:  # type: ignore[attr-defined]
            if each.type == "pulumi:pulumi:Stack":
                continue
            protected = "yes" if each.protect else ""
            found[general(each.name), each.type] = f"| `{general(each.name)}` | `{each.type}` | {protected} |"
    return [found[key] for key in sorted(found)]


def of_level(level: str, born: int = TEMPLATE) -> Callable[[], None]:
    facts = AccountFacts(id="123456789012", sandbox=True, born=born)
    if level == "reef":
        body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "ingress": {"shared": True}}
        spec = ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": body}).to_json()
        return declaring(load("aws"), Wanted(level="reef", spec=spec), facts)  # type: ignore[arg-type]
    base = AccountSpec.of("prod", cloud="aws", region="eu-west-1").to_json()
    return declaring(load("aws"), Wanted(level="account", spec=base), facts)  # type: ignore[arg-type]


def test_the_document_lists_every_name_and_token(record) -> None:
    gold = {"preset": "gold", "storage": {"protocol": "smb"}, "nodes": {"count": 4}}
    shared = {"ingress": {"polling": "redis", "grpc": True}}
    programs = [program_of(), program_of(born=5), program_of(**gold), program_of(**shared), on_a_reef()]
    cells = rows(*(record(program) for program in programs))
    there = rows(record(program_of(site=SITE, **EXISTING)))
    zoned = rows(record(program_of(site={"network": "", "zone": "Z1", "associate": True}, **ZONED)))
    cells += [row for row in (*there, *zoned) if row not in cells]
    reefs = rows(record(of_level("reef")), record(of_level("reef", born=5)))
    wanted = [*cells, *reefs, *rows(record(of_level("account")))]
    section = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == wanted
