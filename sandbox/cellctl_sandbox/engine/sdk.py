"""Every name of the Pulumi SDK that is not public API and that this engine touches; a test fails when one moves.

Used: `pulumi.runtime.proto.*` messages, the monitor features, and the way a program is run in a stack.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import itertools
import re
import selectors
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import grpc
from google.protobuf import struct_pb2
from pulumi import Resource
from pulumi.errors import RunError
from pulumi.runtime import reset_options, resource, rpc, set_all_config
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import resource_pb2, source_pb2
from pulumi.runtime.settings import SETTINGS, _get_rpc_manager, _load_monitor_feature_support
from pulumi.runtime.stack import Stack, run_pulumi_func

from cellctl_provider import baton
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.refusals import Feature

CHANNEL_OPTIONS = list(_GRPC_CHANNEL_OPTIONS)

DYNAMIC_PREFIX = "pulumi-python:dynamic"

# What the SDK logs, synchronously, while the program declares something and before it asks the monitor for anything:
# so a feature that is refused is seen while nothing has begun (docs/concepts/embedded-engine.md).
_DECLARED = re.compile(
    r"registering resource: ty=(?P<type>.*), name=(?P<name>.*), custom=(?P<custom>\w+), remote=(?P<remote>\w+)$"
)
_CALLED = "Calling function: tok="
CALLBACKS_BEGIN = "Creating CallbackServicer"

P = ParamSpec("P")
R = TypeVar("R")

# What `GetDeploymentInfo` offers. Output values are absent so that the SDK serializes plainly. Packages are offered so
# that their use arrives here and is refused by name; without them the SDK speaks of an old CLI.
FEATURES: Mapping[str, resource_pb2.ResourceMonitorFeature.ValueType] = {
    "secrets": resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    "resourceReferences": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    "aliasSpecs": resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    "deletedWith": resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    "transforms": resource_pb2.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
    "invokeTransforms": resource_pb2.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
    "resourceHooks": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
    "errorHooks": resource_pb2.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
    "replaceWith": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    "replacementTrigger": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    "parameterization": resource_pb2.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
}

_direct = contextvars.ContextVar("direct", default=False)
_stack_trace = resource._get_stack_trace


def _position() -> source_pb2.StackTrace:
    """Return where a program is, but nothing to this engine: a fifth of a preview's CPU, and it reads no positions."""
    return source_pb2.StackTrace() if _direct.get() else _stack_trace()


resource._get_stack_trace = _position

_numbers: contextvars.ContextVar[Iterator[int] | None] = contextvars.ContextVar("numbers", default=None)
_deserialize = rpc.deserialize_properties


def _number(this: Resource) -> int:
    """Return a resource's number in its program: the SDK walks sets of resources, and addresses are chance."""
    number: int | None = this.__dict__.get("_number")
    if number is None:
        numbers = _numbers.get()
        number = this.__dict__["_number"] = next(numbers) if numbers else id(this)
    return number


def _in_order(
    properties: struct_pb2.Struct,
    keep_unknowns: bool | None = None,
    keep_internal: bool | None = True,
) -> object:
    """Return an answer's properties by name: the SDK resolves one after the other, and protobuf's order is chance."""
    found: object = _deserialize(properties, keep_unknowns, keep_internal)
    return dict(sorted(found.items())) if type(found) is dict and _direct.get() else found


Resource.__hash__ = _number  # type: ignore[assignment, method-assign]
rpc.deserialize_properties = _in_order  # type: ignore[assignment]


def declared_refusal(message: str, offers: Callable[[str], bool]) -> UnsupportedFeature | None:
    """Return what a debug message of the SDK tells of a feature that is refused; `offers` knows the packages."""
    if message.startswith(_CALLED):
        return UnsupportedFeature(Feature.CALL, urn=message.removeprefix(_CALLED))
    declared = _DECLARED.fullmatch(message)
    if declared is None:
        return None
    urn, package = f"{declared['type']}::{declared['name']}", declared["type"].partition(":")[0]
    if declared["remote"] == "True":
        return UnsupportedFeature(Feature.REMOTE_COMPONENTS, urn=urn)
    if urn.startswith(DYNAMIC_PREFIX):
        return UnsupportedFeature(Feature.DYNAMIC, urn=urn)
    if declared["custom"] == "True" and not offers(package):
        return UnsupportedFeature(Feature.PROVIDER, package, urn=urn)
    return None


class InlineExecutor(ThreadPoolExecutor):
    """An executor that does its work at once, in the caller's thread: what it runs is in one order, and cheap.

    A ThreadPoolExecutor because the event loop accepts nothing else as its default, and because a program whose
    functions are called back must have its event loop free meanwhile: then the work goes to one thread, in order.
    """

    def __init__(self, calls_back: Callable[[], bool]) -> None:
        super().__init__(1)
        self._calls_back = calls_back

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Call `fn` and return a future that is done."""
        if self._calls_back():
            return super().submit(fn, *args, **kwargs)
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


@dataclass(kw_only=True, slots=True)
class ProgramRun:
    """How one in-process run of a program went: `error` is one line on an unhandled exception, or empty."""

    error: str = ""
    traceback: str = ""


def run_program(
    program: Callable[[], object],
    *,
    project: str,
    stack: str,
    monitor: object,
    engine: object,
    config: Mapping[str, str],
    secret_keys: list[str],
    parallel: int,
    dry_run: bool,
    calls_back: Callable[[], bool] = lambda: False,
) -> ProgramRun:
    """Run a program in a fresh context against monitor and engine objects of this process.

    `calls_back` tells whether the program has functions that the engine calls.
    """

    def run() -> ProgramRun:
        _direct.set(True)
        _numbers.set(itertools.count())
        # The stubs of `reset_options` say str; `Settings` takes any object that is not one as the stub itself.
        reset_options(
            project=project,
            stack=stack,
            parallel=parallel,
            preview=dry_run,
            organization="organization",
            monitor_address=monitor,  # type: ignore[arg-type]
            engine_address=engine,  # type: ignore[arg-type]
        )
        set_all_config(dict(config), secret_keys)
        if dry_run or parallel <= 1:
            return _run_in_loop(program, asyncio.new_event_loop(), InlineExecutor(calls_back))
        with baton.held() as place:
            loop = asyncio.SelectorEventLoop(_Yielding(place))
            return _run_in_loop(program, loop, CallExecutor(place, parallel * 4))

    return contextvars.copy_context().run(run)


class CallExecutor(baton.Crew):
    """Makes the SDK's calls one after the other, but for what waits in them; a program's own functions run as ever."""

    def __init__(self, loop: baton.Place, most: int) -> None:
        super().__init__(loop.line, most, loop.line_up)
        self._own = ThreadPoolExecutor()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `fn` in another thread."""
        if str(getattr(fn, "__module__", "")).startswith("pulumi.runtime."):
            return super().submit(fn, *args, **kwargs)
        return self._own.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for all calls, and for the program's own functions."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        with baton.aside():
            self._own.shutdown(wait, cancel_futures=cancel_futures)


class _Yielding(selectors.DefaultSelector):
    """The selector of an event loop whose thread gives the baton up while it has nothing to do."""

    def __init__(self, place: baton.Place) -> None:
        super().__init__()
        self._place = place

    def select(  # type: ignore[explicit-any]
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        self._place.park()
        try:
            return super().select(timeout)
        finally:
            self._place.line_up()
            self._place.wait()


def _run_in_loop(
    program: Callable[[], object], loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor
) -> ProgramRun:
    result = ProgramRun()
    loop.set_default_executor(executor)
    loop.set_exception_handler(lambda _loop, _context: None)  # failures are told by the deployment
    try:
        loop.run_until_complete(_in_stack(program))
    except RunError as error:
        result.error = str(error)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            result.error = f"RPC error: {error.details()}"
    except Exception as error:
        result.error, result.traceback = f"python inline source runtime error: {error}", traceback.format_exc()
    finally:
        _close(loop, executor)
    return result


async def _in_stack(program: Callable[[], object]) -> None:
    """Run the program below a root stack resource, as the SDK's `run_in_stack` does, but wait without its cost.

    The SDK walks all outputs again whenever one resolves: half the CPU of an `up` of 250 resources. Here they have
    resolved before it begins to.
    """

    async def declare() -> None:
        stack = Stack()
        try:
            begun = program()
            if inspect.isawaitable(begun):
                await begun
            later = stack._take_async_program()
            if later is not None:
                stack._add_program_outputs(await later())
        finally:
            stack._finish()
        await _settled()

    await _load_monitor_feature_support()  # type: ignore[no-untyped-call]
    await run_pulumi_func(declare)


async def _settled() -> None:
    """Wait until nothing that the program has begun is outstanding, or something has failed."""
    rpcs: list[Awaitable[object]] = _get_rpc_manager().rpcs
    while True:
        await asyncio.sleep(0)
        with SETTINGS.lock:
            begun = [*rpcs, *SETTINGS.outputs]
        pending = {task for task in begun if isinstance(task, asyncio.Future) and not task.done()}
        if not pending:
            return
        done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        if any(task.cancelled() or task.exception() is not None for task in done):
            return


def _close(loop: asyncio.AbstractEventLoop, executor: Executor) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            loop.run_until_complete(task)
    executor.shutdown(wait=True)
    loop.close()


def metadata_of(error: grpc.RpcError) -> list[tuple[str, str | bytes]]:
    """Return the trailing metadata of a failed call; gRPC's stubs describe it wrongly."""
    given: object = error.trailing_metadata()
    pairs = given if isinstance(given, tuple | list) else ()
    return [(str(pair[0]), pair[1]) for pair in pairs]


def invoke_response(result: struct_pb2.Struct, failures: list[tuple[str, str]]) -> resource_pb2.ResourceInvokeResponse:
    """Return the answer to an invoke: its field is called `return`."""
    response = resource_pb2.ResourceInvokeResponse()
    getattr(response, "return").CopyFrom(result)
    for name, reason in failures:
        response.failures.add(property=name, reason=reason)
    return response
