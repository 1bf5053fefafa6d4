"""Runs a program against Pulumi's own mocks and records every registration and invoke."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from pulumi.runtime import mocks, rpc, stack
from pulumi.runtime.settings import reset_options, set_root_resource


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
        outputs = {"arn": f"arn:{args.typ}:{args.name}", **args.inputs, **_EMPTY_BUT_NEEDED.get(args.typ, {})}
        return f"{args.name}-id", outputs


@contextmanager
def _thread_loop() -> Iterator[None]:
    """Give this thread a loop for a while: Pulumi's mocks make one in every thread and never close it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        loop.close()
        asyncio.set_event_loop(None)


class _Monitor(mocks.MockMonitor):
    """Pulumi's mock monitor, which also keeps what it is told of options."""

    def __init__(self, answers: _Answers, recording: Recording) -> None:
        super().__init__(answers)
        self._recording = recording

    def RegisterResource(self, request):  # the protocol's own spelling, and its untyped request
        with _thread_loop():
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
        with _thread_loop():
            return super().RegisterResource(request)

    def Invoke(self, request):
        with _thread_loop():
            return super().Invoke(request)

    def RegisterResourceOutputs(self, request):
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":  # of a component it is what the type begins with
            with _thread_loop():
                outputs = rpc.deserialize_properties(request.outputs)
            self._recording.outputs = {key: rpc.unwrap_rpc_secret(value) for key, value in outputs.items()}
        with _thread_loop():
            return super().RegisterResourceOutputs(request)


@pytest.fixture
def record() -> Iterator[Callable[[Callable[[], None]], Recording]]:
    """Return a function that runs a program to its end and returns what it registered."""

    def run(program: Callable[[], None]) -> Recording:
        recording = Recording()
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)

        async def whole() -> None:
            answers = _Answers(recording)
            monitor = _Monitor(answers, recording)
            mocks.set_mocks(answers, project="octopus-cells", stack="cell-acme", preview=False, monitor=monitor)
            set_root_resource(None)
            await stack.run_in_stack(program)

        try:
            loop.run_until_complete(whole())
        finally:
            loop.close()
            asyncio.set_event_loop(None)
        return recording

    yield run
    reset_options()
