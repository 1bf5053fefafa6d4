"""`cellctl:octopus:Node`: joins at cap 0, passes gates, changes in place, upgrades the cell in order, leaves last."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellctl.state.values import Struct
from cellctl_provider.protocol import Check, Create, Diff, ProviderError
from cellctl_sandbox.testing.octopus_bench import NEW, OLD, OctopusBench

TYPE = "cellctl:octopus:Node"
ACTIVE = {"acme-1": (10, False), "acme-2": (10, False)}


@pytest.fixture(params=["aws", "azure"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OctopusBench]:
    made = OctopusBench(tmp_path, cloud=request.param)
    yield made
    made.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[OctopusBench]:
    made = OctopusBench(tmp_path, cloud="aws")
    yield made
    made.close()


def state(bench: OctopusBench, ordinal: int, outputs: Struct) -> Struct:
    return bench.node(ordinal) | outputs


def change(bench: OctopusBench, ordinal: int, **changed: object) -> Struct:
    return bench.update("Node", f"acme-{ordinal}", bench.node(ordinal), bench.node(ordinal, **changed))


def upgrade(bench: OctopusBench) -> None:
    for ordinal in range(1, len(bench.found) + 1):
        change(bench, ordinal, version=NEW)


def start_task(bench: OctopusBench, seconds: float) -> None:
    with bench.cluster.moment("acme") as moment:
        moment.add_task("Deploy", seconds)


def tasks(bench: OctopusBench) -> list[tuple[str, str]]:
    with bench.cluster.moment("acme") as moment:
        return [(task.node, task.state) for task in moment.tasks()]


def damaged(bench: OctopusBench) -> bool:
    with bench.cluster.moment("acme") as moment:
        return moment.damaged


def test_a_node_joins_with_cap_0_and_takes_work_only_at_the_end(bench: OctopusBench) -> None:
    bench.create("Administrator", "administrator", bench.administrator())
    assert bench.rows() == {"acme-1": (0, False), "acme-2": (0, False)}
    outputs = bench.create("Node", "acme-1", bench.node(1))
    assert (outputs["nodeId"], outputs["state"]) == ("OctopusServerNodes-acme-1", "active")
    assert bench.rows() == {"acme-1": (10, False), "acme-2": (0, False)}


def test_a_node_that_serves_the_web_only_keeps_cap_0(one: OctopusBench) -> None:
    one.create("Administrator", "administrator", one.administrator())
    assert one.create("Node", "acme-1", one.node(1, taskCap=0))["state"] == "web only"
    assert one.rows()["acme-1"] == (0, False)


def test_it_waits_until_the_machine_has_booted(one: OctopusBench) -> None:
    one.create("Administrator", "administrator", one.administrator())
    one.age(2, up_from_s=one.now() + 900)
    start = one.now()
    one.create("Node", "acme-2", one.node(2))
    assert 900 <= one.now() - start <= 930


def test_a_node_beside_one_of_another_version_gets_no_work(one: OctopusBench) -> None:
    one.create("Administrator", "administrator", one.administrator())
    with one.cluster.moment("acme") as moment:  # somebody installs another version on the second machine
        moment.command(one.found[1], running=True, version=NEW, seconds=1.0)
    one.view.sleep(5.0)
    with pytest.raises(ProviderError):
        one.create("Node", "acme-1", one.node(1))
    assert damaged(one)


def test_the_task_cap_and_the_role_change_in_place(bench: OctopusBench) -> None:
    bench.set_up()
    assert change(bench, 1, taskCap=20)["state"] == "active"
    assert change(bench, 2, taskCap=0)["state"] == "web only"
    assert bench.rows() == {"acme-1": (20, False), "acme-2": (0, False)}
    assert not any(call.startswith(("SendCommand", "DELETE")) for call in bench.kill.calls)


def test_a_node_that_somebody_drained_is_undrained_by_its_next_change(one: OctopusBench) -> None:
    (first, _) = one.set_up()
    with one.cluster.moment("acme") as moment:
        moment.change(str(first["nodeId"]), draining=True, cap=3)
    found = one.read("Node", "acme-1", state(one, 1, first))
    assert found is not None
    assert (found["state"], found["taskCap"]) == ("draining", 3)
    change(one, 1, taskCap=11)
    assert one.rows()["acme-1"] == (11, False)


def test_an_upgrade_stops_all_then_the_first_alone_then_the_others(bench: OctopusBench) -> None:
    bench.set_up()
    change(bench, 1, version=NEW)
    assert bench.versions() == {"acme-1": NEW}  # the second is stopped, and stays so until its turn
    assert bench.rows() == {"acme-1": (10, False), "acme-2": (0, True)}
    change(bench, 2, version=NEW)
    assert bench.versions() == {"acme-1": NEW, "acme-2": NEW}
    assert bench.rows() == ACTIVE
    assert not damaged(bench)


def test_an_upgrade_waits_for_running_tasks_and_kills_none(bench: OctopusBench) -> None:
    bench.set_up()
    start_task(bench, 300.0)
    start_task(bench, 100.0)
    upgrade(bench)
    assert [outcome for _, outcome in tasks(bench)] == ["Success", "Success"]
    assert bench.rows() == ACTIVE


def test_tasks_that_do_not_end_stop_the_upgrade_before_anything_stops(bench: OctopusBench) -> None:
    bench.set_up()
    start_task(bench, 100_000.0)
    with pytest.raises(ProviderError, match="nothing was upgraded and the cell works on") as refused:
        change(bench, 1, version=NEW, drainSeconds=120)
    assert refused.value.code == "conflict"
    assert bench.rows() == ACTIVE
    assert bench.versions() == {"acme-1": OLD, "acme-2": OLD}
    assert [outcome for _, outcome in tasks(bench)] == ["Executing"]


def test_a_version_that_cannot_be_downloaded_changes_nothing(bench: OctopusBench) -> None:
    bench.set_up()
    with pytest.raises(ProviderError, match="cannot be downloaded"):
        change(bench, 1, version="9999.1.1")
    assert bench.rows() == ACTIVE
    assert bench.versions() == {"acme-1": OLD, "acme-2": OLD}


@pytest.mark.parametrize("ordinal", [2, 3])
def test_others_wait_for_the_first(tmp_path: Path, ordinal: int) -> None:
    bench = OctopusBench(tmp_path, cloud="aws", nodes=3)
    bench.set_up()
    with pytest.raises(ProviderError, match=f"upgraded after acme-1, which runs {OLD}"):
        change(bench, ordinal, version=NEW)
    assert set(bench.versions().values()) == {OLD}
    bench.close()


def test_an_older_version_is_refused_by_check_and_by_update(one: OctopusBench) -> None:
    one.set_up()
    upgrade(one)
    request = Check(
        urn=one.urn("Node", "acme-1"), type=TYPE, olds=one.node(1, version=NEW), news=one.node(1, version=OLD)
    )
    (failure,) = one.provider().check(request).failures
    assert (failure.property, "older" in failure.reason) == ("version", True)
    with pytest.raises(ProviderError, match="newer than"):
        change(one, 1, version=OLD)
    assert one.rows() == ACTIVE


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("GET /api", 1),  # before anything
        ("SendCommand", 2),  # while installers are fetched
        ("PUT *acme-1", 1),  # one node takes no new tasks, the other does
        ("PUT *acme-2", 2),  # both are drained
        ("SendCommand", 3),  # one is stopped
        ("SendCommand", 5),  # the first is being upgraded, the second is stopped
        ("PUT *acme-1", 3),  # the first works again
        ("SendCommand", 6),  # the second is being upgraded
        ("PUT *acme-2", 3),  # all is done but heard of
    ],
)
def test_an_upgrade_that_is_cut_off_anywhere_is_finished_by_the_next_run(tmp_path: Path, call: str, place: int) -> None:
    bench = OctopusBench(tmp_path, cloud="aws")
    bench.set_up()
    bench.kill.at, bench.kill.place = call, place
    with pytest.raises(ProviderError):
        upgrade(bench)
    bench.kill.dead = False
    upgrade(bench)
    assert bench.versions() == {"acme-1": NEW, "acme-2": NEW}
    assert bench.rows() == ACTIVE
    assert not damaged(bench)
    bench.close()


def test_a_node_that_leaves_finishes_its_task_and_is_registered_no_more(bench: OctopusBench) -> None:
    _, second = bench.set_up()
    for _ in range(2):
        start_task(bench, 200.0)
    bench.delete("Node", "acme-2", state(bench, 2, second))
    assert bench.rows() == {"acme-1": (10, False)}
    assert [outcome for _, outcome in tasks(bench)] == ["Success", "Success"]
    bench.view.sleep(600.0)  # it is stopped, so it does not register again
    assert set(bench.rows()) == {"acme-1"}


def test_a_node_whose_tasks_do_not_end_cancels_them_after_its_patience(one: OctopusBench) -> None:
    _, second = one.set_up()
    for _ in range(4):
        start_task(one, 100_000.0)
    start = one.now()
    one.delete("Node", "acme-2", state(one, 2, second) | {"drainSeconds": 120})
    assert 120 <= one.now() - start < 400
    assert {outcome for node, outcome in tasks(one) if node == "acme-2"} == {"Canceled"}
    assert {outcome for node, outcome in tasks(one) if node == "acme-1"} == {"Executing"}


def test_the_last_nodes_leave_although_nobody_is_left_to_ask(bench: OctopusBench) -> None:
    first, second = bench.set_up()
    bench.delete("Node", "acme-2", state(bench, 2, second))
    bench.delete("Node", "acme-1", state(bench, 1, first))
    bench.delete("Node", "acme-1", state(bench, 1, first))
    assert bench.versions() == {}


def test_a_node_whose_machine_is_gone_is_taken_out_by_the_others(one: OctopusBench) -> None:
    _, second = one.set_up()
    one.found.pop()
    one.delete("Node", "acme-2", state(one, 2, second))
    assert set(one.rows()) == {"acme-1"}


@pytest.mark.parametrize("call", ["PUT *acme-2", "SendCommand", "DELETE *", "GetCommandInvocation"])
def test_a_departure_that_is_cut_off_is_finished_by_the_next_run(tmp_path: Path, call: str) -> None:
    bench = OctopusBench(tmp_path, cloud="aws")
    _, second = bench.set_up()
    bench.kill.at = call
    with contextlib.suppress(ProviderError):  # a departure goes on without a machine that takes no commands
        bench.delete("Node", "acme-2", state(bench, 2, second))
    assert bench.kill.dead
    bench.kill.dead = False
    bench.delete("Node", "acme-2", state(bench, 2, second))
    assert set(bench.rows()) == {"acme-1"}
    bench.close()


def test_a_node_that_is_made_again_comes_back_with_its_cap(bench: OctopusBench) -> None:
    _, second = bench.set_up()
    bench.delete("Node", "acme-2", state(bench, 2, second))
    bench.age(2, machine=bench.found[1].machine[:-1] + "f", up_from_s=bench.now() + 480)
    machine = bench.found[1].machine
    bench.create("Node", "acme-2", bench.node(2, machine=machine))
    assert bench.rows() == ACTIVE


def test_registered_nodes_count_against_the_licence(one: OctopusBench) -> None:
    one.create("Administrator", "administrator", one.administrator())
    one.create("Node", "acme-1", one.node(1, nodeLimit=2))
    with one.cluster.moment("acme") as moment:
        moment.put("node", "old-9", {"id": "OctopusServerNodes-old-9", "name": "old-9", "cap": 5, "draining": False})
    with pytest.raises(ProviderError, match="old-9 can be deleted in Octopus") as refused:
        one.create("Node", "acme-2", one.node(2, nodeLimit=2))
    assert refused.value.code == "quota"
    assert one.rows()["acme-2"] == (0, False)


def test_read_says_gone_only_when_octopus_does(bench: OctopusBench) -> None:
    first, second = bench.set_up()
    assert bench.read("Node", "acme-2", state(bench, 2, second)) == state(bench, 2, second)
    bench.delete("Node", "acme-2", state(bench, 2, second))
    assert bench.read("Node", "acme-2", state(bench, 2, second)) is None
    bench.found.clear()
    with pytest.raises(ProviderError) as down:
        bench.read("Node", "acme-1", state(bench, 1, first))
    assert down.value.code == "unreachable"


def test_a_stopped_node_is_offline_not_gone(one: OctopusBench) -> None:
    _, second = one.set_up()
    with one.cluster.moment("acme") as moment:
        moment.command(one.found[1], running=False, version="", seconds=1.0)
    one.view.sleep(5.0)
    found = one.read("Node", "acme-2", state(one, 2, second))
    assert found is not None
    assert (found["state"], found["version"]) == ("offline", OLD)


def test_without_the_right_key_nothing_is_changed(one: OctopusBench) -> None:
    one.set_up()
    one.put_secret("api-key", "API-WRONG")
    with pytest.raises(ProviderError) as refused:
        change(one, 1, taskCap=3)
    assert refused.value.code == "auth"
    assert "API-WRONG" not in str(refused.value)
    assert one.rows() == ACTIVE


def test_another_machine_replaces_and_the_old_one_leaves_first(one: OctopusBench) -> None:
    request = Diff(
        urn=one.urn("Node", "acme-1"), type=TYPE, id="acme-1", olds={}, old_inputs=one.node(1),
        news=one.node(1, machine="i-0f", taskCap=20),
    )  # fmt: skip
    found = one.provider().diff(request)
    assert (found.replaces, found.delete_before_replace) == (("machine",), True)


def test_check_diff_and_preview_connect_nowhere(bench: OctopusBench) -> None:
    provider, inputs = bench.provider(), bench.node(1)
    bench.kill.calls.clear()
    assert provider.check(Check(urn=bench.urn("Node", "a"), type=TYPE, olds={}, news=inputs)).failures == ()
    made = provider.create(Create(urn=bench.urn("Node", "a"), type=TYPE, properties=inputs, preview=True))
    assert made.id == ""
    assert bench.kill.calls == []


@pytest.mark.parametrize("wrong", [{"nodeName": "a;b"}, {"version": "1; rm"}, {"machine": "x"}, {"taskCap": "many"}])
def test_wrong_inputs_are_refused(one: OctopusBench, wrong: dict[str, object]) -> None:
    request = Check(urn=one.urn("Node", "a"), type=TYPE, olds={}, news=one.node(1, **wrong))
    assert one.provider().check(request).failures
