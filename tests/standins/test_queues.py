"""What a machine that runs was told of a queue, and whether that queue serves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cellctl.state.values import Value
from cellctl_sandbox.network.aws_names import INSTANCE, QUEUE
from cellctl_sandbox.network.kept_secrets import VERSION
from cellctl_sandbox.queues import Queues
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.testing.cloud import ObjectsInMemory
from cellctl_sandbox.testing.gateway_bench import PlainSeal

HOST, SECRET = "master.q.cache.amazonaws.com", "arn:secret:queue-token"
GIVEN = {"address": f"{HOST}:6379", "secret": SECRET, "mount": "mount.exe -o 'nolock' '\\\\files.acme\\free-6' '*'"}
MACHINE = CloudObject(type=INSTANCE, id="i-1", properties={"userData": "<powershell>nothing</powershell>"})


@dataclass
class World:
    """A queue, its token's secret and a machine; and what is wrong with the ways between them."""

    queues: Queues
    view: ObjectsInMemory
    wrong: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def world(tmp_path: Path) -> World:
    view, wrong = ObjectsInMemory(), dict[str, str]()
    queues = Queues(
        view,
        lambda _machine, host, port: wrong.get(f"{host}:{port}", ""),
        documents=Documents(tmp_path / "sandbox.db", "runs", seal=PlainSeal()),
        unread=lambda _machine, secret: wrong.get(secret, ""),
        closed=lambda _machine, share: wrong.get(share, ""),
    )
    group: dict[str, Value] = {"primaryEndpointAddress": HOST, "transitEncryptionEnabled": True, "authToken": "one"}
    view.put(MACHINE)
    view.put(CloudObject(type=QUEUE, id="q", properties=group))
    view.put(CloudObject(type=VERSION, id="v1", properties={"secretId": SECRET, "secretString": "one"}))
    return World(queues=queues, view=view, wrong=wrong)


def test_a_machine_knows_of_no_queue_until_it_is_told(world: World) -> None:
    assert world.queues.trouble(MACHINE) is None
    assert world.queues.tell("i-1", GIVEN) == ""
    assert world.queues.trouble(MACHINE) == ""


@pytest.mark.parametrize("what", [f"{HOST}:6379", "free-6"])
def test_it_is_served_only_over_open_ways(world: World, what: str) -> None:
    world.queues.tell("i-1", GIVEN)
    world.wrong[what] = "no rule admits it"
    assert world.queues.trouble(MACHINE) == "no rule admits it"


def test_a_machine_that_may_not_read_the_token_is_told_nothing(world: World) -> None:
    world.wrong[SECRET] = "its role may not"
    assert world.queues.tell("i-1", GIVEN) == "Get-SECSecretValue: its role may not"
    assert world.queues.trouble(MACHINE) is None
    del world.wrong[SECRET]
    world.view.remove(VERSION, "v1")
    assert "no value" in world.queues.tell("i-1", GIVEN)
    assert "no such machine" in world.queues.tell("i-9", GIVEN)
    assert "no folder" in world.queues.tell("i-1", {**GIVEN, "mount": ""})


def test_it_keeps_the_token_that_it_has_read_until_it_is_told_again(world: World) -> None:
    world.queues.tell("i-1", GIVEN)
    world.view.remove(VERSION, "v1")
    world.view.put(CloudObject(type=VERSION, id="v2", properties={"secretId": SECRET, "secretString": "two"}))
    world.view.change(QUEUE, "q", authToken="two")
    assert world.queues.trouble(MACHINE) == "q refuses the token"
    world.queues.tell("i-1", GIVEN)
    assert world.queues.trouble(MACHINE) == ""


def test_after_a_rotation_the_token_before_is_good_and_no_older_one(world: World) -> None:
    world.queues.tell("i-1", GIVEN)
    for number, value in ((2, "two"), (3, "three")):
        version = {"secretId": SECRET, "secretString": value}
        world.view.put(CloudObject(type=VERSION, id=f"v{number}", properties=version))
        world.view.change(QUEUE, "q", authToken=value, authTokenUpdateStrategy="ROTATE")
        assert world.queues.trouble(MACHINE) == ("" if number == 2 else "q refuses the token")
    world.queues.tell("i-1", GIVEN)
    assert world.queues.trouble(MACHINE) == ""


def test_a_linux_machine_is_told_in_json(world: World) -> None:
    assert world.queues.tell("i-1", {**GIVEN, "mount": '{"kind": "cluster", "share": "free-6"}'}) == ""
    world.wrong["free-6"] = "its client list does not name it"
    assert world.queues.trouble(MACHINE) == "its client list does not name it"
