"""The gRPC plugin host, over real gRPC and as a real process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from cellctl.state.values import Struct, is_secret, secret
from cellctl_provider.hosts.plugin import PluginServer
from cellctl_provider.hosts.wire import from_struct, to_struct
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.control import open_control

VPC = "aws:ec2/vpc:Vpc"
URN = f"urn:pulumi:cell-acme::p::{VPC}::v"
SECRET = "aws:secretsmanager/secretVersion:SecretVersion"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    clock = SimulatedClock.of(Database.open(tmp_path))
    clock.pace = 0.0
    yield tmp_path
    clock.close()


@pytest.fixture
def stub(home: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    server = PluginServer(CloudFactory("aws", Database.open(home)))
    channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
    stub = provider_pb2_grpc.ResourceProviderStub(channel)
    stub.Configure(
        provider_pb2.ConfigureRequest(variables={"aws:config:region": "eu-west-1"}, acceptSecrets=True), timeout=20
    )
    yield stub
    channel.close()
    server.close()


def test_a_resource_lives_over_grpc_as_it_does_in_process(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    assert stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="x")).accept_secrets
    news: Struct = {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}}
    checked = stub.Check(provider_pb2.CheckRequest(urn=URN, news=to_struct(news)))
    assert not checked.failures
    made = stub.Create(provider_pb2.CreateRequest(urn=URN, properties=checked.inputs))
    assert made.id.startswith("vpc-")
    changed = {**from_struct(checked.inputs), "cidrBlock": "10.1.0.0/16"}
    diff = stub.Diff(
        provider_pb2.DiffRequest(
            urn=URN, id=made.id, olds=made.properties, old_inputs=checked.inputs, news=to_struct(changed)
        )
    )
    assert list(diff.replaces) == ["cidrBlock"]
    assert diff.detailedDiff["cidrBlock"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    read = stub.Read(provider_pb2.ReadRequest(urn=URN, id=made.id))
    assert from_struct(read.inputs)["tags"] == {"a": "b"}
    stub.Delete(provider_pb2.DeleteRequest(urn=URN, id=made.id, properties=made.properties))
    assert stub.Read(provider_pb2.ReadRequest(urn=URN, id=made.id)).id == ""
    stub.Cancel(empty_pb2.Empty())


def test_refusals_are_failures_and_errors_have_a_code(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    refused = stub.Check(provider_pb2.CheckRequest(urn=URN, news=to_struct({"nonsense": 1})))
    assert [failure.property for failure in refused.failures] == ["nonsense"]
    subnet = "urn:pulumi:cell-acme::p::aws:ec2/subnet:Subnet::s"
    inputs: Struct = {"vpcId": "vpc-none", "cidrBlock": "10.0.0.0/24"}
    with pytest.raises(grpc.RpcError) as missing:
        stub.Create(provider_pb2.CreateRequest(urn=subnet, properties=to_struct(inputs)))
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND
    assert "VpcNotFound" in missing.value.details()


def test_an_object_that_is_not_ready_comes_with_the_error(
    stub: provider_pb2_grpc.ResourceProviderStub, home: Path
) -> None:
    open_control(home).add_fault({"type": VPC, "op": "create", "effect": "partial", "message": "still pending"})
    with pytest.raises(grpc.RpcError) as failed:
        stub.Create(provider_pb2.CreateRequest(urn=URN, properties=to_struct({"cidrBlock": "10.0.0.0/16"})))
    metadata = dict(failed.value.trailing_metadata())
    assert b"ErrorResourceInitFailed" in metadata["grpc-status-details-bin"]
    assert b"vpc-" in metadata["grpc-status-details-bin"]


def test_secrets_stay_wrapped_on_the_wire(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    owner = "urn:pulumi:cell-acme::p::aws:secretsmanager/secret:Secret::k"
    kept = stub.Create(provider_pb2.CreateRequest(urn=owner, properties=to_struct({"name": "k"})))
    values: Struct = {"secretId": kept.id, "secretString": secret("s3cr3t-value")}
    made = stub.Create(
        provider_pb2.CreateRequest(urn=f"urn:pulumi:cell-acme::p::{SECRET}::v", properties=to_struct(values))
    )
    assert is_secret(from_struct(made.properties)["secretString"])


PROGRAM = """
import sys
from pathlib import Path
from cellctl_provider.hosts.plugin import serve
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory
serve(CloudFactory("aws", Database.open(Path(sys.argv[1]))))
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def dialled(process: subprocess.Popen[str]) -> grpc.Channel:
    assert process.stdout is not None
    return grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}")


def test_a_plugin_process_prints_its_port_and_ends_with_its_input(
    process: subprocess.Popen[str], tmp_path: Path
) -> None:
    with dialled(process) as channel:
        info = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty(), timeout=20)
    assert info.version == CloudFactory("aws", Database.open(tmp_path)).version
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=20) == 0


def test_an_interrupt_ends_a_plugin_at_once_whatever_is_under_way(
    process: subprocess.Popen[str], tmp_path: Path
) -> None:
    """The CLI gives all its plugins five seconds together, one after the other."""
    open_control(tmp_path).add_fault({"type": VPC, "op": "create", "effect": "hang"})
    with dialled(process) as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        stub.Configure(provider_pb2.ConfigureRequest(variables={"aws:config:region": "eu-west-1"}), timeout=20)
        hanging = stub.Create.future(
            provider_pb2.CreateRequest(urn=URN, properties=to_struct({"cidrBlock": "10.0.0.0/16"}))
        )
        with pytest.raises(grpc.FutureTimeoutError):
            hanging.result(timeout=0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=3) == -signal.SIGINT
