"""A desk: where a run only looks, its own process serves the plugins that the real CLI starts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from cellctl_provider.hosts.desk import Desk
from cellctl_provider.hosts.launcher import VARIABLE, place
from cellctl_provider.hosts.wire import from_struct, to_struct
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory

VPC = "aws:ec2/vpc:Vpc"


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[CloudFactory]:
    clock = SimulatedClock.of(Database.open(tmp_path))
    clock.pace = 0.0
    yield CloudFactory("aws", Database.open(tmp_path))
    clock.close()


@pytest.fixture
def desk(factory: CloudFactory) -> Iterator[Desk]:
    desk = Desk({"aws": factory})
    yield desk
    desk.close()


def launched(home: Path, desk: Desk, package: str = "aws") -> subprocess.Popen[str]:
    place(home, package, "1.2.3", "nothing.that.exists")  # where there is a desk, this is not what runs
    script = home / "plugins" / f"resource-{package}-v1.2.3" / f"pulumi-resource-{package}"
    return subprocess.Popen(
        [script, "127.0.0.1:1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={VARIABLE: str(desk.path)},
    )  # fmt: skip


def left(plugin: subprocess.Popen[str]) -> int:
    with plugin:
        assert plugin.stdin is not None
        plugin.stdin.close()
        return plugin.wait(20)


def address(plugin: subprocess.Popen[str]) -> str:
    assert plugin.stdout is not None
    return f"127.0.0.1:{int(plugin.stdout.readline())}"


def test_each_plugin_is_an_instance_of_its_own_and_ends_with_its_process(tmp_path: Path, desk: Desk) -> None:
    plugins = [launched(tmp_path, desk) for _ in range(2)]
    places = [address(plugin) for plugin in plugins]
    assert len(set(places)) == 2
    zones = {}
    for place_, region in zip(places, ("eu-west-1", "eu-central-1"), strict=True):
        with grpc.insecure_channel(place_) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            stub.Configure(provider_pb2.ConfigureRequest(variables={"aws:config:region": region}), timeout=20)
    for place_ in places:  # the second did not change what the first is set to
        with grpc.insecure_channel(place_) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            urn = f"urn:pulumi:cell-a::p::{VPC}::{place_}"
            made = stub.Create(
                provider_pb2.CreateRequest(urn=urn, properties=to_struct({"cidrBlock": "10.0.0.0/16"})), timeout=20
            )
            zones[place_] = str(from_struct(made.properties)["arn"]).split(":")[3]
    assert [zones[place_] for place_ in places] == ["eu-west-1", "eu-central-1"]
    assert [left(plugin) for plugin in plugins] == [0, 0]
    with grpc.insecure_channel(places[0]) as channel:
        deadline = time.monotonic() + 20
        while _answers(channel):  # its instance is gone with it
            assert time.monotonic() < deadline


def _answers(channel: grpc.Channel) -> bool:
    try:
        provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty(), timeout=2)
    except grpc.RpcError:
        return False
    return True


def test_a_desk_that_closes_ends_its_visits_and_its_folder(tmp_path: Path, factory: CloudFactory) -> None:
    desk = Desk({"aws": factory})
    plugin = launched(tmp_path, desk)
    where = address(plugin)
    desk.close()
    assert not desk.path.parent.exists()
    with grpc.insecure_channel(where) as channel:
        deadline = time.monotonic() + 20
        while _answers(channel):
            assert time.monotonic() < deadline
    assert left(plugin) == 0
    with launched(tmp_path, desk) as late:  # the CLI then says that the plugin ended before it gave a port
        assert late.wait(20) != 0
        assert late.stdout is not None
        assert late.stdout.read() == ""


def test_what_a_desk_does_not_have_gets_no_port(tmp_path: Path, desk: Desk) -> None:
    with launched(tmp_path, desk, "gcp") as plugin:
        assert plugin.wait(20) == 0
        assert plugin.stdout is not None
        assert plugin.stdout.read() == ""
