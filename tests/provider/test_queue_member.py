"""`cellctl:octopus:QueueMember`: a node that runs learns of its queue drained, and whoever knows it is left alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cellctl.state.values import Struct
from cellctl_provider.protocol import Check, ProviderError
from cellctl_sandbox.testing.octopus_bench import OctopusBench

TYPE = "cellctl:octopus:QueueMember"
ACTIVE = {"acme-1": (10, False), "acme-2": (10, False)}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[OctopusBench]:
    made = OctopusBench(tmp_path, cloud="aws")
    made.set_up()
    made.kill.calls.clear()
    yield made
    made.close()


def told(bench: OctopusBench, ordinal: int) -> Struct:
    return bench.create("QueueMember", f"acme-{ordinal}", bench.queue_member(ordinal))


def test_a_node_drains_is_told_and_has_its_work_back(bench: OctopusBench) -> None:
    assert told(bench, 1)["state"] == "queued"
    assert bench.rows() == ACTIVE
    (given,) = bench.told
    assert (given["leads"], given["secret"]) == ("true", bench.reference("queue-token"))
    assert given["mount"] == "mount.exe -o 'nolock' '\\\\files.acme\\free-6' '*'", "quotes arrive as they were"
    changed = [call for call in bench.kill.calls if call.startswith(("PUT", "SendCommand"))]
    row = "PUT /api/octopusservernodes/OctopusServerNodes-acme-1"
    assert changed == [row, row, "SendCommand", row], "cap 0, drained, told, given back"
    told(bench, 2)
    assert [one["leads"] for one in bench.told] == ["true", "false"], "the shared folder is set once"
    assert bench.rows() == ACTIVE


def test_a_node_that_knows_its_queue_is_left_alone(bench: OctopusBench) -> None:
    bench.age(1, queue="")
    assert told(bench, 1)["state"] == "queued"
    before = bench.queue_member(1)
    more = {"members": {**before["members"], "acme-3": "10.64.3.21"}}  # type: ignore[dict-item]
    bench.update("QueueMember", "acme-1", before, bench.queue_member(1, **more))
    assert bench.told == []
    bench.update("QueueMember", "acme-1", before, bench.queue_member(1, queueAddress="other.example.com:6379"))
    assert [one["address"] for one in bench.told] == ["other.example.com:6379"]
    assert bench.read("QueueMember", "acme-1", before)["state"] == "queued"  # type: ignore[index]
    bench.age(1, queue="it refuses the token")
    assert bench.read("QueueMember", "acme-1", before)["state"] == "cut off"  # type: ignore[index]


def test_a_linux_node_is_told_the_same_in_json(bench: OctopusBench) -> None:
    bench.found[:] = [replace(node, system="linux") for node in bench.found]
    kind = {"kind": "cluster", "share": "free-6", "folder": "cluster", "path": "/clusterShared", "option": "o'hara"}
    linux: Struct = {"os": "linux", "folder": "/clusterShared", "mount": json.dumps(kind)}
    assert bench.create("QueueMember", "acme-1", bench.queue_member(1, **linux))["state"] == "queued"
    (given,) = bench.told
    assert json.loads(given["mount"]) == kind, "quotes arrive as they were"
    assert (given["leads"], given["folder"]) == ("true", "/clusterShared")
    assert bench.rows() == ACTIVE


def test_a_new_token_is_told_to_every_node_also_where_the_one_before_is_good(bench: OctopusBench) -> None:
    bench.age(1, queue="")
    told(bench, 1)
    bench.update("QueueMember", "acme-1", bench.queue_member(1), bench.queue_member(1, token="2"))
    assert [one["secret"] for one in bench.told] == [bench.reference("queue-token")]
    assert bench.rows() == ACTIVE


def test_a_node_whose_tasks_do_not_end_works_on_and_is_told_nothing(bench: OctopusBench) -> None:
    with bench.cluster.moment("acme") as moment:
        moment.add_task("Deploy", 5000.0)
        moment.add_task("Deploy", 5000.0)
    with pytest.raises(ProviderError, match="tasks still run on acme-1 after 10 minutes"):
        told(bench, 1)
    assert (bench.told, bench.rows()) == ([], ACTIVE)


@pytest.mark.parametrize(
    ("call", "place"),
    [("PUT *acme-1", 1), ("PUT *acme-1", 2), ("SendCommand", 1), ("GetCommandInvocation", 1), ("PUT *acme-1", 3)],
)
def test_whatever_is_cut_off_is_gone_on_with(bench: OctopusBench, call: str, place: int) -> None:
    bench.kill.at, bench.kill.place = call, place
    with contextlib.suppress(ProviderError):
        told(bench, 1)
    assert bench.kill.dead
    bench.kill.dead = False
    assert told(bench, 1)["state"] == "queued"
    assert bench.rows() == ACTIVE


def test_one_line_and_a_folder_are_all_that_is_taken(bench: OctopusBench) -> None:
    for wrong in ({"mount": "a\nb"}, {"folder": "/srv/x"}, {"queueAddress": "no port"}):
        news = bench.queue_member(1, **wrong)
        found = bench.provider().check(Check(urn=bench.urn("QueueMember", "x"), type=TYPE, olds={}, news=news))
        assert [failure.property for failure in found.failures] == [*wrong]
