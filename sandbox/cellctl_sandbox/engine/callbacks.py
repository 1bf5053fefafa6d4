"""Functions of the program that the engine calls back, over gRPC where the program serves them; and hooks, by name."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from cellctl.state.resources import ResourceState
from cellctl_provider import baton
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.eventlog import EventLog
from cellctl_sandbox.engine.sdk import CHANNEL_OPTIONS
from cellctl_sandbox.engine.wire import to_struct

MOST_TRIES = 100  # what the CLI gives a hook that asks for one more try for ever


class CallbackFailed(Exception):
    """A function of the program raised; the message is what it said."""


class Callbacks:
    """Connections to the program's own servers, one for each address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channels: dict[str, grpc.Channel] = {}

    def call(self, callback: callback_pb2.Callback, request: bytes) -> bytes:
        """Call a function and return its serialized answer.

        Raises:
            CallbackFailed: It raised, or nobody answers.
        """
        with self._lock:
            channel = self._channels.get(callback.target)
            if channel is None:
                channel = grpc.insecure_channel(callback.target, options=CHANNEL_OPTIONS)
                self._channels[callback.target] = channel
        stub = callback_pb2_grpc.CallbacksStub(channel)
        try:
            with baton.aside():
                answer = stub.Invoke(callback_pb2.CallbackInvokeRequest(token=callback.token, request=request))
        except grpc.RpcError as error:
            raise CallbackFailed(error.details() or str(error.code())) from error
        return bytes(answer.response)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            channel.close()


@dataclass(frozen=True, slots=True)
class _Hook:
    callback: callback_pb2.Callback
    on_dry_run: bool = False
    ignore_errors: bool = False


class Hooks:
    """The hooks that a program registered, by name. A resource names those it wants, by kind (`BeforeCreate` …)."""

    def __init__(self, callbacks: Callbacks, log: EventLog, *, planning: bool) -> None:
        self._callbacks = callbacks
        self._log = log
        self._planning = planning
        self._hooks: dict[str, _Hook] = {}
        self._error_hooks: dict[str, _Hook] = {}

    def register(self, request: resource_pb2.RegisterResourceHookRequest) -> None:
        """Take a hook."""
        self._hooks[request.name] = _Hook(request.callback, request.on_dry_run, request.ignore_errors)

    def register_error(self, request: resource_pb2.RegisterErrorHookRequest) -> None:
        """Take a hook that is asked after a failure whether to try again."""
        self._error_hooks[request.name] = _Hook(request.callback)

    def run(self, kind: str, state: ResourceState, *, new: ResourceState | None, old: ResourceState | None) -> None:
        """Run the hooks of one kind, in order; `new` and `old` are what they see of the resource.

        Raises:
            StepFailed: One raised, and its errors are not to be ignored.
        """
        for name in state.hooks.get(kind, ()):
            hook = self._hooks.get(name)
            if hook is None:
                raise StepFailed(f'hook "{name}" was not registered', urn=state.urn)
            if self._planning and not hook.on_dry_run:
                continue
            problem = self._problem(hook, kind, state, new, old)
            if problem and hook.ignore_errors:
                self._log.say("warning", f'{kind} hook "{name}" failed: {problem}', state.urn)
            elif problem:
                when = "before" if kind.startswith("Before") else "after"
                raise StepFailed(f'{when} hook "{name}" failed: {problem}', urn=state.urn)

    def _problem(
        self, hook: _Hook, kind: str, state: ResourceState, new: ResourceState | None, old: ResourceState | None
    ) -> str:
        request = resource_pb2.ResourceHookRequest(
            urn=state.urn,
            id=state.id,
            name=state.name,
            type=state.type,
            new_inputs=to_struct(new.inputs) if new else None,
            old_inputs=to_struct(old.inputs) if old else None,
            new_outputs=to_struct(new.outputs) if new and kind.startswith("After") else None,
            old_outputs=to_struct(old.outputs) if old else None,
        )
        try:
            answer = self._callbacks.call(hook.callback, request.SerializeToString())
        except CallbackFailed as error:
            return str(error)
        return resource_pb2.ResourceHookResponse.FromString(answer).error

    def wants_retry(self, operation: str, state: ResourceState, old: ResourceState | None, errors: list[str]) -> bool:
        """Ask the error hooks of a resource whether a failed call shall be made again; newest error first.

        Raises:
            StepFailed: One raised, or the call was tried too often.
        """
        names = state.hooks.get("OnError", ())
        if names and len(errors) >= MOST_TRIES:
            text = f"maximum number of error hook retries ({MOST_TRIES}) reached"
            self._log.say("warning", text, state.urn)
            raise StepFailed(text, urn=state.urn)
        answers = [self._answer(name, operation, state, old, errors) for name in names]
        if any(answers):
            text = f"retrying {operation} due to on-error hook request ({len(errors)}/{MOST_TRIES})"
            self._log.say("warning", text, state.urn)
        return any(answers)

    def _answer(
        self, name: str, operation: str, state: ResourceState, old: ResourceState | None, errors: list[str]
    ) -> bool:
        hook = self._error_hooks.get(name)
        if hook is None:
            raise StepFailed(f'error hook "{name}" was not registered', urn=state.urn)
        request = resource_pb2.ErrorHookRequest(
            urn=state.urn,
            id=state.id,
            name=state.name,
            type=state.type,
            new_inputs=to_struct(state.inputs) if operation != "delete" else None,
            old_inputs=to_struct(old.inputs) if old else None,
            old_outputs=to_struct(old.outputs) if old else None,
            failed_operation=operation,
            errors=errors,
        )
        try:
            answer = self._callbacks.call(hook.callback, request.SerializeToString())
        except CallbackFailed as error:
            raise StepFailed(f'error hook "{name}" failed: {error}', urn=state.urn) from error
        response = resource_pb2.ErrorHookResponse.FromString(answer)
        if response.error:
            raise StepFailed(f'error hook "{name}" failed: {response.error}', urn=state.urn)
        return response.retry


Bound = Mapping[str, tuple[str, ...]]
_KINDS = {
    "BeforeCreate": "before_create",
    "AfterCreate": "after_create",
    "BeforeUpdate": "before_update",
    "AfterUpdate": "after_update",
    "BeforeDelete": "before_delete",
    "AfterDelete": "after_delete",
    "OnError": "on_error",
}


def bound_hooks(binding: resource_pb2.RegisterResourceRequest.ResourceHooksBinding) -> Bound:
    """Return the names of a resource's hooks by kind, as the state has them."""
    named: dict[str, tuple[str, ...]] = {kind: tuple(getattr(binding, field)) for kind, field in _KINDS.items()}
    return {kind: names for kind, names in named.items() if names}
