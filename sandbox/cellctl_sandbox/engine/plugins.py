"""Provider plugins as processes: launched from `$PULUMI_HOME/plugins`, spoken to over gRPC.

Only packages on the allow-list are launched. A plugin prints its port on the first line of stdout, ends when its stdin
is closed, and has its own process group. `PluginProvider` is the `Provider` protocol over that connection.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from cellctl.state.values import Struct, bare_struct
from cellctl_provider import baton
from cellctl_provider.protocol import (
    Check,
    Checked,
    CheckFailure,
    Configure,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    DiffKind,
    Found,
    InitFailed,
    Invoke,
    Invoked,
    PropertyDiff,
    Provider,
    ProviderError,
    Read,
    Update,
    Updated,
)
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.refusals import Feature
from cellctl_sandbox.engine.sdk import CHANNEL_OPTIONS, metadata_of
from cellctl_sandbox.engine.sources import missing
from cellctl_sandbox.engine.wire import from_provider, to_provider

_BROKEN = ("Socket closed", "Connection reset", "failed to connect to all addresses", "recvmsg")
"""What gRPC says where a plugin's process is gone."""
_START_SECONDS = 10.0  # how long the CLI gives a plugin to answer
_KINDS: tuple[DiffKind, ...] = ("add", "add-replace", "delete", "delete-replace", "update", "update-replace")


class PluginProcess(Protocol):
    """What is needed of a plugin's process; `subprocess.Popen` has it."""

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises `subprocess.TimeoutExpired`."""


class Launch(Protocol):
    """Starts a plugin."""

    def __call__(self, path: Path, folder: Path, environment: Mapping[str, str]) -> PluginProcess:
        """Start the plugin at `path` in `folder`, in a process group of its own."""


def launch_process(path: Path, folder: Path, environment: Mapping[str, str]) -> PluginProcess:
    """Start a plugin as a child of this process."""
    return subprocess.Popen(
        [str(path), "127.0.0.1:0"],
        cwd=folder,
        env={"PATH": os.defpath, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )


class LaunchedPlugins:
    """A source of providers that are plugins of this machine."""

    def __init__(
        self,
        allowed: Collection[str],
        folder: Path,
        environment: Mapping[str, str],
        launch: Launch = launch_process,
    ) -> None:
        self._launch = launch
        self._allowed = frozenset(allowed)
        self._folder = folder
        self._environment = dict(environment)

    def offers(self, package: str) -> bool:
        """Tell whether a package may be launched."""
        return package in self._allowed

    def open(self, package: str, version: str, urn: str, variables: Mapping[str, str]) -> Provider:
        """Launch a plugin and shake hands.

        Raises:
            UnsupportedFeature: The package is not on the allow-list.
            StepFailed: That version is not installed.
        """
        if package not in self._allowed:
            raise UnsupportedFeature(Feature.PROVIDER, package, urn=urn)
        home = self._environment.get("PULUMI_HOME", "")
        folders = Path(home) / "plugins"
        if not version:
            found = [item.name.partition("-v")[2] for item in folders.glob(f"resource-{package}-v*")]
            version = max(found, key=lambda text: [int(part) for part in re.findall(r"\d+", text)], default="")
        path = folders / f"resource-{package}-v{version}" / f"pulumi-resource-{package}"
        if not home or not path.is_file():
            raise missing(package, version, urn)
        mapped = {name: self._environment[ours] for name, ours in variables.items() if ours in self._environment}
        with baton.aside():
            return PluginProvider(path, self._folder, {**self._environment, **mapped}, self._launch)


class PluginProvider:
    """One plugin process."""

    def __init__(self, path: Path, folder: Path, environment: Mapping[str, str], launch: Launch) -> None:
        self._process = launch(path, folder, environment)
        self._secrets = self._outputs = True
        try:
            self._channel = grpc.insecure_channel(f"127.0.0.1:{self._port()}", options=CHANNEL_OPTIONS)
            self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
            self._shake_hands(path)
        except BaseException:
            self._stop()
            raise

    def _port(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line.isdigit():
            raise ProviderError("the plugin did not print a port")
        return int(line)

    def _shake_hands(self, path: Path) -> None:
        request = provider_pb2.ProviderHandshakeRequest(
            engine_address="127.0.0.1:0",
            root_directory=str(path.parent),
            program_directory=str(path.parent),
            configure_with_urn=True,
            invoke_with_preview=True,
        )
        try:
            answer = self._stub.Handshake(request, timeout=_START_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise ProviderError(f"the plugin does not answer: {error.details()}") from error
            return
        self._secrets = answer.accept_secrets

    # ---- configuration ----
    def check_config(self, request: Check) -> Checked:
        """CheckConfig; a provider without it accepts everything."""
        message = provider_pb2.CheckRequest(
            urn=request.urn,
            name=request.name,
            type=request.type,
            olds=to_provider(request.olds),
            news=to_provider(request.news),
        )
        try:
            return _checked(self._stub.CheckConfig(message))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return Checked(inputs=request.news)
            raise _failure(error) from error

    def diff_config(self, request: Diff) -> Diffed:
        """DiffConfig; a provider without it does not know."""
        try:
            return _diffed(self._stub.DiffConfig(_diff_request(request, bare_struct)))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return Diffed(changes="unknown")
            raise _failure(error) from error

    def configure(self, request: Configure) -> None:
        """Configure; what the plugin accepts decides how values are sent from then on."""
        message = provider_pb2.ConfigureRequest(
            variables=dict(request.variables),
            args=to_provider(request.args),
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
            id=request.id,
            urn=request.urn,
            name=request.name,
            type=request.type,
        )
        try:
            self._secrets = self._stub.Configure(message).acceptSecrets
        except grpc.RpcError as error:
            raise _failure(error) from error

    # ---- resources ----
    def check(self, request: Check) -> Checked:
        """Check."""
        message = provider_pb2.CheckRequest(
            urn=request.urn,
            name=request.name,
            type=request.type,
            olds=to_provider(self._sent(request.olds)),
            news=to_provider(self._sent(request.news)),
            randomSeed=request.random_seed,
        )
        try:
            return _checked(self._stub.Check(message))
        except grpc.RpcError as error:
            raise _failure(error) from error

    def diff(self, request: Diff) -> Diffed:
        """Diff."""
        try:
            return _diffed(self._stub.Diff(_diff_request(request, self._sent)))
        except grpc.RpcError as error:
            raise _failure(error) from error

    def create(self, request: Create) -> Created:
        """Create."""
        message = provider_pb2.CreateRequest(
            urn=request.urn,
            name=request.name,
            type=request.type,
            properties=to_provider(self._sent(request.properties)),
            timeout=request.timeout_s,
            preview=request.preview,
        )
        try:
            answer = self._stub.Create(message)
        except grpc.RpcError as error:
            raise _failure(error) from error
        return Created(id=answer.id, properties=from_provider(answer.properties))

    def read(self, request: Read) -> Found | None:
        """Read."""
        message = provider_pb2.ReadRequest(
            id=request.id,
            urn=request.urn,
            name=request.name,
            type=request.type,
            properties=to_provider(self._sent(request.properties)),
            inputs=to_provider(self._sent(request.inputs)),
            timeout=request.timeout_s,
        )
        try:
            answer = self._stub.Read(message)
        except grpc.RpcError as error:
            raise _failure(error) from error
        if not answer.id:
            return None
        return Found(id=answer.id, properties=from_provider(answer.properties), inputs=from_provider(answer.inputs))

    def update(self, request: Update) -> Updated:
        """Update."""
        message = provider_pb2.UpdateRequest(
            id=request.id,
            urn=request.urn,
            name=request.name,
            type=request.type,
            olds=to_provider(self._sent(request.olds)),
            old_inputs=to_provider(self._sent(request.old_inputs)),
            news=to_provider(self._sent(request.news)),
            timeout=request.timeout_s,
            preview=request.preview,
            ignoreChanges=list(request.ignore_changes),
        )
        try:
            answer = self._stub.Update(message)
        except grpc.RpcError as error:
            raise _failure(error) from error
        return Updated(properties=from_provider(answer.properties))

    def delete(self, request: Delete) -> None:
        """Delete."""
        message = provider_pb2.DeleteRequest(
            id=request.id,
            urn=request.urn,
            name=request.name,
            type=request.type,
            properties=to_provider(self._sent(request.properties)),
            old_inputs=to_provider(self._sent(request.old_inputs)),
            timeout=request.timeout_s,
        )
        try:
            self._stub.Delete(message)
        except grpc.RpcError as error:
            raise _failure(error) from error

    def invoke(self, request: Invoke) -> Invoked:
        """Invoke."""
        message = provider_pb2.InvokeRequest(
            tok=request.token, args=to_provider(bare_struct(request.args)), preview=request.preview
        )
        try:
            answer = self._stub.Invoke(message)
        except grpc.RpcError as error:
            raise _failure(error) from error
        return Invoked(result=from_provider(getattr(answer, "return")), failures=_failures(answer.failures))

    # ---- the end ----
    def cancel(self) -> None:
        """Cancel; a plugin that does not know it is not asked again."""
        with suppress(grpc.RpcError):
            self._stub.Cancel(empty_pb2.Empty(), timeout=_START_SECONDS)

    def close(self) -> None:
        """Let the process end."""
        self._channel.close()
        self._stop()

    def _stop(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _sent(self, struct: Struct) -> Struct:
        return struct if self._secrets else bare_struct(struct)


def _diff_request(request: Diff, sent: object) -> provider_pb2.DiffRequest:
    assert callable(sent)
    return provider_pb2.DiffRequest(
        id=request.id,
        urn=request.urn,
        name=request.name,
        type=request.type,
        olds=to_provider(sent(request.olds)),
        old_inputs=to_provider(sent(request.old_inputs)),
        news=to_provider(sent(request.news)),
        ignoreChanges=list(request.ignore_changes),
    )


def _failures(items: Collection[provider_pb2.CheckFailure]) -> tuple[CheckFailure, ...]:
    return tuple(CheckFailure(property=item.property, reason=item.reason) for item in items)


def _checked(answer: provider_pb2.CheckResponse) -> Checked:
    return Checked(inputs=from_provider(answer.inputs), failures=_failures(answer.failures))


def _diffed(answer: provider_pb2.DiffResponse) -> Diffed:
    detailed = {
        path: PropertyDiff(kind=_KINDS[item.kind], input_diff=item.inputDiff)
        for path, item in answer.detailedDiff.items()
    }
    return Diffed(
        changes=("unknown", "none", "some")[answer.changes],
        diffs=tuple(answer.diffs),
        replaces=tuple(answer.replaces),
        stables=tuple(answer.stables),
        delete_before_replace=answer.deleteBeforeReplace,
        detailed=detailed if answer.hasDetailedDiff else None,
    )


def _failure(error: grpc.RpcError) -> ProviderError:
    """Return the typed error; an object that exists but is not ready comes in the trailing metadata."""
    for key, value in metadata_of(error):
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            status = status_pb2.Status.FromString(value)
            for detail in status.details:
                failed = provider_pb2.ErrorResourceInitFailed()
                if detail.Unpack(failed):
                    return InitFailed(
                        status.message,
                        id=failed.id,
                        properties=from_provider(failed.properties),
                        inputs=from_provider(failed.inputs),
                        reasons=tuple(failed.reasons),
                    )
    said = error.details() or "the provider failed"
    if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return ProviderError(said)
    ended = any(mark in said for mark in _BROKEN)
    return ProviderError("the provider's process ended in the middle" if ended else said, code="unreachable")
