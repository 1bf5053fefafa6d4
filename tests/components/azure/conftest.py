"""Runs a program as the embedded engine does, on Pulumi's own mock monitor; keeps every registration as it was sent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict, ParseDict
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from cellctl_sandbox.engine.sdk import run_program

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
SIGNATURE = "4dabf18193072939515e22adb298388d"


@dataclass(frozen=True)
class Registration:
    """One resource as the SDK registered it; `inputs` keep their secret wrappers."""

    type: str
    name: str
    urn: str
    parent: str
    provider: str
    inputs: dict[str, object]
    request: resource_pb2.RegisterResourceRequest

    @property
    def plain(self) -> dict[str, object]:
        """Inputs without wrappers."""
        return {key: unwrap(value) for key, value in self.inputs.items()}


class Recording:
    """Everything a program registered, and what it exported."""

    def __init__(self) -> None:
        self.all: list[Registration] = []
        self.outputs: dict[str, object] = {}

    def of(self, kind: str) -> list[Registration]:
        """Registrations whose type token ends in `kind`, by name."""
        return sorted((each for each in self.all if each.type.endswith(f":{kind}")), key=lambda each: each.name)

    def named(self, name: str) -> Registration:
        """The one registration of this logical name that is not a component."""
        found = [each for each in self.all if each.name == name and each.request.custom]
        assert len(found) == 1, (name, [each.name for each in self.all])
        return found[0]

    def dependencies(self, registration: Registration) -> set[str]:
        """Logical names that a registration waits for."""
        return {urn.rpartition("::")[2] for urn in registration.request.dependencies}


def unwrap(value: object) -> object:
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return unwrap(value["value"])
        return {key: unwrap(item) for key, item in value.items()}
    return [unwrap(item) for item in value] if isinstance(value, list) else value


class _Mocks(mocks.Mocks):
    """Refuses look-ups; resources are answered by the monitor below."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        raise AssertionError(args.name)

    def call(self, args: mocks.MockCallArgs) -> dict[str, object]:
        raise AssertionError(f"a program looked something up: {args.token}")


class _Monitor(mocks.MockMonitor):
    """Answers as Azure would where the program reads an output, without the SDK's event loop for each thread."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(_Mocks())
        self._recording = recording

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = MessageToDict(request.object)
        self._recording.all.append(
            Registration(request.type, request.name, urn, request.parent, request.provider, inputs, request)
        )
        id = f"/id/{request.name}" if request.custom else ""
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=id, object=ParseDict(_state(request.type, inputs), struct_pb2.Struct())
        )

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> object:
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":  # of a component it is what the type begins with
            outputs = rpc.deserialize_properties(request.outputs)
            self._recording.outputs = {key: rpc.unwrap_rpc_secret(value) for key, value in outputs.items()}
        return super().RegisterResourceOutputs(request)


def _state(kind: str, inputs: dict[str, object]) -> dict[str, object]:
    state = dict(inputs)
    identity = state.get("identity")
    if isinstance(identity, dict):
        # A list going in, a map coming out (reference/azure.md 1.12).
        state["identity"] = {
            **identity,
            "userAssignedIdentities": {id: {} for id in identity["userAssignedIdentities"]},
        }
    if kind.endswith(":UserAssignedIdentity"):
        state |= {"clientId": "client-id", "principalId": "principal-id"}
    if kind == "cellctl:octopus:Administrator":
        state |= {"nodeLimit": 0}
    if kind == "cellctl:octopus:MasterKey":
        state |= {"reference": f"{state['vaultUri']}secrets/{state['secretName']}", "fingerprint": "f" * 32}
    return state


@pytest.fixture(scope="session")
def record() -> Callable[..., Recording]:
    """Return a function that runs a program and returns its Recording."""

    def run(program: Callable[[], None], *, preview: bool = False) -> Recording:
        recording, raised = Recording(), list[Exception]()

        def told() -> None:
            try:
                program()
            except Exception as error:
                raised.append(error)
                raise

        ended = run_program(
            told,
            project="octopus-cells",
            stack="cell-acme",
            monitor=_Monitor(recording),
            engine=mocks.MockEngine(None),
            config={},
            secret_keys=[],
            parallel=1,
            dry_run=preview,
        )
        if raised:
            raise raised[0]
        assert not ended.error, ended.traceback or ended.error
        return recording

    return run
