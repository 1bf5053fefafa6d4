"""A cell whose Tentacles poll one address: what its program declares beside that of any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cellctl.clouds import AccountFacts, load
from cellctl.spec import CellSpec
from cellctl_components.aws import queue_members
from cellctl_components.aws.resolve import layout

if TYPE_CHECKING:
    from conftest import Recording

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
NODES = {"count": 3, "roles": ["both", "worker", "ui"]}


def spec(polling: str) -> CellSpec:
    body = {
        "cloud": "aws",
        "account": "sandbox",
        "region": "eu-west-1",
        "nodes": NODES,
        "ingress": {"polling": polling},
    }
    return CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})


_recorded: dict[str, Recording] = {}


@pytest.fixture
def queued(record: Callable[[Callable[[], None]], Recording]) -> Recording:
    if not _recorded:
        account = AccountFacts(id="123456789012", sandbox=True)
        _recorded["it"] = record(lambda: load("aws").program(load("aws").layout(spec("redis")), account))
    return _recorded["it"]


def test_a_queue_holds_memory_only_and_nothing_twice(queued: Recording) -> None:
    (group,) = queued.of(GROUP)
    demanded = {
        "numCacheClusters": 1, "automaticFailoverEnabled": False, "multiAzEnabled": False, "snapshotRetentionLimit": 0,
        "atRestEncryptionEnabled": True, "transitEncryptionEnabled": True, "transitEncryptionMode": "required",
    }  # fmt: skip
    assert {key: group.inputs[key] for key in demanded} == demanded
    assert group.inputs["kmsKeyId"]
    (parameters,) = queued.of("aws:elasticache/parameterGroup:ParameterGroup")
    assert parameters.inputs["parameters"] == [{"name": "maxmemory-policy", "value": "noeviction"}]


def test_its_token_is_the_one_in_the_secret_and_stays(queued: Recording) -> None:
    """A run that was cut off between the two makes another token, and only the first one is used."""
    (group,) = queued.of(GROUP)
    token = queued.named("acme-queue-token", "secretVersion")
    assert group.inputs["authToken"] == token.inputs["secretString"]
    assert set(token.ignore) == {"secretString", "versionStages"}
    assert token.protect
    assert queued.named("acme-queue-token", "secret:Secret").protect


def test_another_token_is_one_more_and_the_one_before_stays_good(
    record: Callable[[Callable[[], None]], Recording], queued: Recording
) -> None:
    body = {
        "cloud": "aws", "account": "sandbox", "region": "eu-west-1", "nodes": NODES,
        "ingress": {"polling": "redis", "queueToken": 3},
    }  # fmt: skip
    wanted = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})
    facts = AccountFacts(id="123456789012", sandbox=True)
    found = record(lambda: load("aws").program(load("aws").layout(wanted), facts))
    tokens = [found.named(f"acme-queue-token{number}", "secretVersion") for number in ("", "-2", "-3")]
    assert len({str(one.inputs["secretString"]) for one in tokens}) == 3
    assert all(one.protect and set(one.ignore) == {"secretString", "versionStages"} for one in tokens)
    assert any(urn.endswith("::acme-queue-token-2") for urn in tokens[2].dependencies), "the last one is read"
    (group,) = found.of(GROUP)
    assert group.inputs["authToken"] == tokens[2].inputs["secretString"]
    assert group.inputs["authTokenUpdateStrategy"] == "ROTATE"
    assert {one.inputs["token"] for one in found.of("cellctl:octopus:QueueMember")} == {"3"}
    # A cell with its first token is as it was: nothing about it changes.
    (before,) = queued.of(GROUP)
    assert "authTokenUpdateStrategy" not in before.inputs
    assert not [one for one in queued.of("cellctl:octopus:QueueMember") if "token" in one.inputs]


@pytest.mark.parametrize("polling", ["per_node", "redis"])
def test_a_token_is_of_a_queue_of_elasticache(polling: str) -> None:
    cloud, region = ("azure", "westeurope") if polling == "redis" else ("aws", "eu-west-1")
    body = {"cloud": cloud, "account": "sandbox", "region": region, "ingress": {"polling": polling, "queueToken": 2}}
    with pytest.raises(ValueError, match="is of a queue of ElastiCache"):
        CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})


def test_every_node_that_runs_tasks_is_behind_the_one_port(queued: Recording) -> None:
    balancer = queued.named("acme-ingress-polling", "loadBalancer")
    listeners = [one for one in queued.of("aws:lb/listener:Listener") if one.inputs["protocol"] == "TCP"]
    assert balancer.inputs["loadBalancerType"] == "network"
    assert [one.inputs["port"] for one in listeners] == [10943]
    joined = {one.name for one in queued.of("aws:lb/targetGroupAttachment:TargetGroupAttachment")}
    assert {name for name in joined if name.endswith("-polling")} == {"acme-nodes-1-polling", "acme-nodes-2-polling"}
    assert queued.outputs["pollAddresses"] == ["https://polling.acme.octopus.internal:10943"]
    rules = {one.name for one in queued.resources if "securityGroupIngressRule" in one.type}
    assert {name for name in rules if "network-polling-in" in name} == {"acme-network-polling-in-tcp-10943-10.0.0.0-8"}


def test_only_nodes_reach_it_and_all_of_them_are_told(queued: Recording) -> None:
    rules = [one for one in queued.resources if one.name.startswith("acme-network-queue-")]
    assert [one.name for one in rules] == ["acme-network-queue-in-tcp-6379-nodes"]
    secret = queued.named("acme-queue-token", "secret:Secret")
    scripts = [
        str(one.inputs["userData"]) for one in queued.of("aws:ec2/instance:Instance") if "userData" in one.inputs
    ]
    assert len(scripts) == NODES["count"]
    for script in scripts:
        assert "--multiNodePollingTentaclesRedisConnectionString=$queue" in script
        assert "path --instance Default --clusterShared 'C:\\Octopus\\Shared\\cluster'" in script
        assert "free-6\\cluster'" in script
    policy = str(queued.named("acme-nodes-secrets", "rolePolicy").inputs["policy"])
    assert policy.count("queue-token") == 1 or str(secret.inputs["name"]) in policy


@pytest.mark.parametrize(
    ("protocol", "mounts"),
    [
        ("nfs", r"mount.exe -o 'nolock,mtype=hard,anon' '\\files.acme.octopus.internal\free-6' '*'; "),
        (
            "smb",
            r"New-SmbMapping -RemotePath '\\files.acme.octopus.internal\free-6' -UserName 'sgw-1\smbguest' "
            "-Password $guest -Persistent $false | Out-Null; ",
        ),
    ],
)
def test_a_node_that_runs_mounts_the_share_that_no_other_kind_is_on(protocol: str, mounts: str) -> None:
    body = {
        "cloud": "aws", "account": "sandbox", "region": "eu-west-1", "storage": {"protocol": protocol},
        "ingress": {"polling": "redis"},
    }  # fmt: skip
    plan = layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}))
    share = next(one for one in plan.shares if one.kind == "cluster")
    line = queue_members.mount_line(plan, share, "sgw-1")
    assert line.startswith(f"{mounts}New-Item -ItemType Directory -Force ")
    assert r"\free-6\cluster'" in line
    alone = replace(share, name="packages")  # as on a reef: one share carries every kind
    assert queue_members.mount_line(plan, alone, "sgw-1").startswith("New-Item -ItemType Directory")


def test_linux_nodes_that_run_are_told_what_a_first_boot_tells(
    record: Callable[[Callable[[], None]], Recording],
) -> None:
    body = {
        "cloud": "aws", "account": "sandbox", "region": "eu-west-1", "nodes": {"os": "linux"},
        "ingress": {"polling": "redis"},
    }  # fmt: skip
    wanted = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})
    facts = AccountFacts(id="123456789012", sandbox=True)
    found = record(lambda: load("aws").program(load("aws").layout(wanted), facts))
    members = found.of("cellctl:octopus:QueueMember")
    assert [one.inputs["os"] for one in members] == ["linux", "linux"]
    assert json.loads(str(members[0].inputs["mount"])) == {
        "folder": "cluster", "kind": "cluster", "option": "clusterShared", "path": "/clusterShared", "share": "free-6",
    }  # fmt: skip
    assert members[0].inputs["folder"] == "/clusterShared"
    script = str(found.named("acme-nodes-1", "ec2/instance:").inputs["userData"])
    assert '"share": "free-6"' in script


def test_grpc_passes_through_to_every_node(record: Callable[[Callable[[], None]], Recording]) -> None:
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "ingress": {"grpc": True}}
    wanted = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})
    found = record(
        lambda: load("aws").program(load("aws").layout(wanted), AccountFacts(id="123456789012", sandbox=True))
    )
    listener = found.named("acme-ingress-grpc", "listener").inputs
    check = found.named("acme-ingress-grpc", "targetGroup").inputs["healthCheck"]
    assert (listener["port"], listener["protocol"], check["protocol"], check["port"]) == (8443, "TCP", "TCP", "8443")
    joined = {one.name for one in found.of("aws:lb/targetGroupAttachment:TargetGroupAttachment")}
    assert {name for name in joined if name.endswith("-grpc")} == {"acme-nodes-1-grpc", "acme-nodes-2-grpc"}
    assert found.outputs["grpcAddress"] == "polling.acme.octopus.internal:8443"


def test_without_a_queue_nothing_of_a_layout_moves() -> None:
    one, other = layout(spec("per_node")), layout(spec("redis"))
    assert one.queue is None
    assert [share.bucket for share in one.shares] == [share.bucket for share in other.shares]
    assert [share.name for share in one.shares] == [share.name for share in other.shares]
    assert {share.kind for share in other.shares} - {share.kind for share in one.shares} == {"cluster"}
