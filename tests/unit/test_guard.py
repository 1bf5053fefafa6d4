"""Guards: what they refuse, why, and which flag would allow it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from cellctl.guard import Case, _outsiders, judge, running_nodes
from cellctl.plan import UNKNOWN_TEXT, Action, Change, Plan, PropertyChange
from cellctl.state.values import Value

URN = "urn:pulumi:cell-a::octopus-cells::aws:rds/instance:Instance::db"


def plan(action: Action, operation: Literal["up", "down", "refresh"] = "up", **more: object) -> Plan:
    change = Change(urn=URN, type="aws:rds/instance:Instance", name="db", action=action, **more)  # type: ignore[arg-type]
    return Plan(cell="a", cloud="aws", account="sandbox", operation=operation, changes=(change,))


@pytest.mark.parametrize("action", ["replace", "delete"])
def test_losing_data_is_refused_unless_named(action: Action) -> None:
    (objection,) = judge(plan(action, stateful=True), Case())
    assert (objection.code, objection.urn) == (f"stateful_{action}", URN)
    assert URN in objection.flag
    named = Case(allow=frozenset({URN}), accept_loss=frozenset({URN}))
    assert judge(plan(action, stateful=True), named) == ()
    assert len(judge(plan(action, stateful=True), Case(allow=frozenset({URN + "2"})))) == 1


def test_what_the_engine_protects_is_refused_even_if_it_holds_no_data() -> None:
    (objection,) = judge(plan("replace", blocked_by="protect"), Case())
    assert "protected" in objection.reason


@pytest.mark.parametrize("action", ["create", "update", "same", "read", "import"])
def test_everything_else_may_happen(action: Action) -> None:
    assert judge(plan(action, stateful=True), Case()) == ()


@pytest.mark.parametrize(
    ("action", "held", "code"),
    [
        ("import", {}, ""),
        ("update", {URN: frozenset({"db-1", "sql"})}, ""),  # a run that was killed had taken it over
        ("same", {URN: frozenset({"sql"})}, ""),
        ("replace", {}, "import_replaces"),
        ("replace", {URN: frozenset({"db-2", ""})}, "import_known"),
    ],
)
def test_what_is_taken_over_is_never_replaced(action: Action, held: dict[str, frozenset[str]], code: str) -> None:
    key = PropertyChange(path="kmsKeyId", before="a", after="b", kind="update", replaces=True)
    named = frozenset({URN})
    case = Case(importing={URN: "sql"}, held=held, allow=named, accept_loss=named)
    found = judge(plan(action, stateful=True, diff=(key,)), case)
    assert [one.code for one in found] == ([code] if code else [])
    if code == "import_replaces":
        assert "kmsKeyId is 'a' and would be 'b'" in found[0].reason
    assert all(one.remedy and not one.flag for one in found)


def test_what_no_cell_declares_cannot_be_taken_over() -> None:
    (objection,) = judge(plan("create"), Case(importing={URN.replace("::db", "::dc"): "x"}))
    assert objection.code == "import_unknown"


def test_down_wants_to_know_about_the_data() -> None:
    going = plan("delete", "down", stateful=True)
    (objection,) = judge(going, Case())
    assert "--delete-data" in objection.remedy
    kept = plan("delete", "down", stateful=True, blocked_by="protect")
    assert judge(kept, Case(keep_data=True)) == judge(going, Case(delete_data=True)) == ()


@pytest.mark.parametrize("key", ["cloud", "account", "region"])
def test_a_cell_never_moves(key: str) -> None:
    here = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1"}
    (objection,) = judge(plan("create"), Case(recorded=here, wanted={**here, key: "other"}, allow=frozenset({URN})))
    assert (objection.code, objection.flag) == ("frozen_field", "")
    assert key in objection.reason
    assert judge(plan("create"), Case(recorded={}, wanted=here)) == ()


@pytest.mark.parametrize(
    ("type_", "path", "after"),
    [
        ("azure-native:network:LoadBalancer", "sku.name", "Basic"),
        ("azure-native:network:LoadBalancer", "location", "northeurope"),
        ("azure-native:network:NetworkInterface", "location", "northeurope"),
        ("azure-native:network:NetworkSecurityGroup", "location", "northeurope"),
        ("azure-native:network:NatGateway", "zones[0]", "2"),
        ("azure-native:storage:StorageAccount", "kind", "StorageV2"),
        ("azure-native:compute:VirtualMachine", "zones[0]", "2"),
        ("azure-native:network:VirtualNetwork", "subnets[1].addressPrefix", "10.80.0.0/24"),
    ],
)
def test_what_azure_would_refuse_half_way_is_refused_before(type_: str, path: str, after: str) -> None:
    def change(path: str, after: Value) -> Plan:
        item = PropertyChange(path=path, before="1", after=after, kind="update")
        changed = Change(urn=URN, type=type_, name="thing", action="update", diff=(item,))
        return Plan(cell="a", cloud="azure", account="sandbox", operation="up", changes=(changed,))

    (objection,) = judge(change(path, after), Case(allow=frozenset({URN})))
    assert (objection.code, objection.urn) == ("immutable", URN)
    assert path.split("[", maxsplit=1)[0].split(".", maxsplit=1)[0] in objection.reason
    assert judge(change("tags.owner", after), Case()) == judge(change(path, UNKNOWN_TEXT), Case()) == ()


def test_ranges_of_a_network_may_come_or_go_but_not_change() -> None:
    def judged(*items: PropertyChange) -> int:
        change = Change(urn=URN, type="azure-native:network:VirtualNetwork", name="n", action="update", diff=items)
        plan = Plan(cell="a", cloud="azure", account="sandbox", operation="up", changes=(change,))
        return len(judge(plan, Case()))

    def item(path: str, before: Value, after: Value) -> PropertyChange:
        return PropertyChange(path=path, before=before, after=after, kind="update")

    first, second = ({"name": name, "addressPrefix": f"10.0.{name}.0/24"} for name in "12")
    moved = (item(f"subnets[0].{key}", first[key], second[key]) for key in first)
    assert judged(*moved, item("subnets[1]", second, None)) == 0  # the first of two went
    assert judged(item("addressSpace.addressPrefixes[1]", None, "10.1.0.0/16")) == 0
    assert judged(item("addressSpace.addressPrefixes[0]", "10.0.0.0/16", "10.1.0.0/16")) == 1
    assert judged(item("subnets[0].addressPrefix", "10.0.1.0/24", "10.0.9.0/24")) == 1


OLD = {
    "octopus": {"taskCap": 10, "version": "2026.4.7000"}, "nodes": {"count": 2, "os": "windows"},
    "ingress": {"polling": "per_node"},
}  # fmt: skip


def test_nodes_that_run_learn_of_a_queue_on_aws_whatever_their_system_and_on_azure_not() -> None:
    before: dict[str, Value] = {**OLD, "nodes": {"count": 2, "os": "linux"}}
    wanted: dict[str, Value] = {**before, "ingress": {"polling": "redis"}}
    assert [*running_nodes(Case(recorded={"cloud": "aws"}, recorded_spec=before, wanted_spec=wanted))] == []
    there = Case(recorded={"cloud": "azure"}, recorded_spec=before, wanted_spec=wanted)
    assert [objection.code for objection in running_nodes(there)] == ["polling_change"]


@pytest.mark.parametrize(("before", "after", "refused"), [(1, 2, False), (2, 2, False), (None, 1, False), (3, 2, True)])
def test_a_token_of_a_queue_never_comes_back(before: int | None, after: int, refused: bool) -> None:
    had = {"polling": "redis", **({"queueToken": before} if before else {})}
    recorded: dict[str, Value] = {**OLD, "ingress": had}  # type: ignore[dict-item]
    wanted: dict[str, Value] = {**OLD, "ingress": {"polling": "redis", "queueToken": after}}
    found = running_nodes(Case(recorded={"cloud": "aws"}, recorded_spec=recorded, wanted_spec=wanted))
    assert [one.code for one in found] == (["queue_token_older"] if refused else [])


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [(None, 1, ""), (None, 2, ""), (1, 2, ""), (2, 2, ""), (3, 2, "password_older"), (1, 3, "password_skipped"),
     (None, 3, "password_skipped"), (4, None, "password_older")],
)  # fmt: skip
def test_a_password_turns_once_at_a_time_and_never_back(before: int | None, after: int | None, code: str) -> None:
    recorded, wanted = (
        {**OLD, "database": {"authentication": "sql", **({"passwordTurn": turn} if turn else {})}}
        for turn in (before, after)
    )
    found = running_nodes(Case(recorded={"cloud": "azure"}, recorded_spec=recorded, wanted_spec=wanted))
    assert [one.code for one in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"octopus": {"taskCap": 20, "version": "2026.4.7100"}}, []),
        ({"octopus": {"taskCap": 20, "version": "2026.10.1"}}, []),
        ({"octopus": {"version": "2026.4.6999"}}, ["version_older"]),
        ({"octopus": {"version": "2025.12.9000"}, "nodes": {"count": 4}}, ["version_older", "licence_limit"]),
        ({"octopus": {"version": "2026.4.7100"}, "nodes": {"count": 3}}, ["upgrade_with_growth"]),
        ({"octopus": {"version": "2026.4.7100"}, "nodes": {"count": 1}}, []),
        ({"nodes": {"count": 3}}, []),
        ({"nodes": {"count": 4}}, ["licence_limit"]),
        ({"ingress": {"polling": "redis"}}, []),
        ({"nodes": {"count": 2, "os": "linux"}}, ["nodes_os_change"]),
        ({"database": {"retentionDays": 21}}, []),
    ],
)
def test_what_nodes_that_run_cannot_become_is_refused(change: dict[str, Value], refused: list[str]) -> None:
    found = list(running_nodes(Case(recorded_spec=OLD, wanted_spec={**OLD, **change}, node_limit=3)))
    assert [objection.code for objection in found] == refused
    assert list(running_nodes(Case(wanted_spec={**OLD, **change}, node_limit=1))) == []


def test_another_package_may_bring_a_guard_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with an entry point of group `cellctl.guards`, as anybody's is."""
    (tmp_path / "outside.py").write_text(
        "from cellctl.errors import Objection\n"
        "def judge(plan, case):\n"
        "    if not case.labels.get('owner'):\n"
        "        flag = '--override no_owner'\n"
        "        yield Objection(code='no_owner', reason='nobody owns it', remedy='label it', flag=flag)\n"
    )
    about = tmp_path / "outside-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cellctl.guards]\nowners = outside:judge\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    _outsiders.cache_clear()
    try:
        (said,) = judge(plan("create"), Case())
        assert (said.code, said.remedy) == ("no_owner", "label it")
        assert judge(plan("create"), Case(labels={"owner": "team-x"})) == ()
        assert judge(plan("create"), Case(override=frozenset({"no_owner"}))) == ()
    finally:
        _outsiders.cache_clear()
