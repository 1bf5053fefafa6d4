"""Runs a program as the embedded engine does, against Pulumi's own mocks; records every registration and invoke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pulumi
import pytest
from google.protobuf import struct_pb2
from google.protobuf.json_format import ParseDict
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from cellctl_sandbox.engine.sdk import run_program


@dataclass(frozen=True)
class Registered:
    """One registration as the engine would see it."""

    type: str
    name: str
    inputs: dict[str, object]
    provider: str
    custom: bool
    parent: str
    protect: bool
    ignore: tuple[str, ...]
    dependencies: tuple[str, ...]
    deleted_with: str


@dataclass
class Recording:
    """What a program registered, invoked and exported."""

    resources: list[Registered] = field(default_factory=list)
    invokes: list[tuple[str, str]] = field(default_factory=list)
    outputs: dict[str, object] = field(default_factory=dict)

    def of(self, token: str) -> list[Registered]:
        return [item for item in self.resources if item.type == token]

    def named(self, name: str, token: str = "") -> Registered:
        found = [item for item in self.resources if item.name == name and token in item.type]
        assert len(found) == 1, f"{len(found)} resources are called {name} {token}"
        return found[0]


_EMPTY_BUT_NEEDED: dict[str, dict[str, object]] = {
    "aws:rds/instance:Instance": {
        "address": "cell-acme-sql.abc.eu-west-1.rds.amazonaws.com",
        "masterUserSecrets": [{"secretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1"}],
    },
    "aws:ec2/vpcEndpoint:VpcEndpoint": {
        "dnsEntries": [{"dnsName": "vpce-1.storagegateway.eu-west-1.vpce.amazonaws.com", "hostedZoneId": "Z1"}],
        "prefixListId": "pl-1",
    },
    "aws:lb/targetGroup:TargetGroup": {"arnSuffix": "targetgroup/acme/1"},
    "aws:elasticache/replicationGroup:ReplicationGroup": {
        "primaryEndpointAddress": "master.cell-acme-queue.abc.eu-west-1.cache.amazonaws.com",
        "memberClusters": ["cell-acme-queue-001"],
    },
    "aws:lb/loadBalancer:LoadBalancer": {
        "dnsName": "internal-acme.eu-west-1.elb.amazonaws.com",
        "zoneId": "Z32",
        "arnSuffix": "app/acme/1",
    },
    "cellctl:aws:FileGateway": {"gatewayArn": "arn:aws:storagegateway:eu-west-1:1:gateway/sgw-1", "gatewayId": "sgw-1"},
    "cellctl:octopus:Administrator": {"apiKeySecret": "arn:api-key", "nodeLimit": 0},
    "cellctl:octopus:MasterKey": {"reference": "arn:key", "fingerprint": "f" * 32},
}


class _Answers(mocks.Mocks):
    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, object], list[tuple[str, str]]]:
        self._recording.invokes.append((args.token, args.provider))
        return {"value": "ami-0123456789abcdef0", "name": "n"}, []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, object]]:
        echoed = {key: value for key, value in args.inputs.items() if not isinstance(value, pulumi.Archive)}
        outputs = {"arn": f"arn:{args.typ}:{args.name}", **echoed, **_EMPTY_BUT_NEEDED.get(args.typ, {})}
        return f"{args.name}-id", outputs


class _Monitor(mocks.MockMonitor):
    """Pulumi's mock monitor, which also keeps what it is told of options, and waits for nothing."""

    def __init__(self, answers: _Answers, recording: Recording) -> None:
        super().__init__(answers)
        self._recording = recording

    def RegisterResource(self, request):  # the protocol's own spelling, and its untyped request
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = rpc.deserialize_properties(request.object)
        self._recording.resources.append(
            Registered(
                type=request.type,
                name=request.name,
                inputs=inputs,
                provider=request.provider,
                custom=request.custom,
                parent=request.parent,
                protect=request.protect,
                ignore=tuple(request.ignoreChanges),
                dependencies=tuple(request.dependencies),
                deleted_with=request.deletedWith,
            )
        )
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        args = mocks.MockResourceArgs(name=request.name, typ=request.type, inputs=inputs, custom=request.custom)
        made, state = self.mocks.new_resource(args)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=made, object=_struct(state))

    def Invoke(self, request):
        args = mocks.MockCallArgs(
            token=request.tok, args=rpc.deserialize_properties(request.args), provider=request.provider
        )
        found, _ = self.mocks.call(args)
        return resource_pb2.ResourceInvokeResponse(**{"return": _struct(found)})

    def RegisterResourceOutputs(self, request):
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":  # of a component it is what the type begins with
            outputs = rpc.deserialize_properties(request.outputs)
            self._recording.outputs = {key: rpc.unwrap_rpc_secret(value) for key, value in outputs.items()}
        return super().RegisterResourceOutputs(request)


def _struct(values: dict[str, object]) -> struct_pb2.Struct:
    return ParseDict(values, struct_pb2.Struct())


@pytest.fixture
def record() -> Callable[[Callable[[], None]], Recording]:
    """Return a function that runs a program to its end and returns what it registered."""

    def run(program: Callable[[], None]) -> Recording:
        recording = Recording()
        ended = run_program(
            program,
            project="octopus-cells",
            stack="cell-acme",
            monitor=_Monitor(_Answers(recording), recording),
            engine=mocks.MockEngine(None),
            config={},
            secret_keys=[],
            parallel=1,
            dry_run=False,
        )
        assert not ended.error, ended.traceback or ended.error
        return recording

    return run
