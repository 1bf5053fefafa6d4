"""A provider that does what a test says, over a world in memory: for tests of engines, knows no cloud.

Types of package `fake`: any token. Inputs whose name starts with `fixed` replace; every object gets outputs `arn`
(unknown in a preview) and `version` (1, one more at each update). `Behaviour` makes calls fail, wait, or not get ready.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cellctl.state.values import UNKNOWN, Struct, Value, bare, secret
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


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What happens in one kind of call on one resource. `meanwhile` runs inside the call, before the world changes.

    `then` runs after the world changed. `times` is how often this behaviour applies; -1 for ever.
    """

    error: str = ""
    not_ready: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    defaults: Struct = field(default_factory=dict)
    replace_on: tuple[str, ...] = ()
    delete_first: bool = False
    undetailed: bool = False
    unknown: bool = False
    meanwhile: Callable[[], None] | None = None
    then: Callable[[], None] | None = None
    times: int = -1


@dataclass(kw_only=True)
class World:
    """The fake cloud: objects by id, what was asked, and how to behave: (call, resource name) -> Behaviour."""

    objects: dict[str, Struct] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    requests: list[object] = field(default_factory=list)
    behaviour: dict[tuple[str, str], Behaviour] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def called(self, call: str, name: str, request: object) -> Behaviour:
        """Record a call and return how it shall behave; raises `ProviderError` if it shall fail."""
        with self.lock:
            self.calls.append((call, name))
            self.requests.append(request)
            given = self.behaviour.get((call, name), Behaviour())
            if given.times == 0:
                given = Behaviour()
            elif given.times > 0:
                self.behaviour[call, name] = replace(given, times=given.times - 1)
        if given.meanwhile:
            given.meanwhile()
        if given.error:
            raise ProviderError(given.error)
        return given

    def made(self, name: str) -> list[str]:
        """Return the ids of all objects of a resource."""
        return sorted(id_ for id_ in self.objects if id_.rpartition("-")[0] == name)

    def of(self, *calls: str) -> list[tuple[str, str]]:
        """Return the recorded calls of some kinds, in order."""
        return [item for item in self.calls if item[0] in calls]


class FakeProvider:
    """One instance; all instances share the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.configuration: Struct = {}

    def check_config(self, request: Check) -> Checked:
        """Accept, or fail as told."""
        told = self._world.called("check_config", request.name, request)
        return Checked(inputs=request.news, failures=_failures(told))

    def diff_config(self, request: Diff) -> Diffed:
        """Replace when `account` changes."""
        self._world.called("diff_config", request.name, request)
        return _diffed(request, Behaviour(replace_on=("account",), undetailed=True))

    def configure(self, request: Configure) -> None:
        """Keep the configuration."""
        self._world.called("configure", request.name, request)
        self.configuration = {key: bare(value) for key, value in request.args.items()}

    def check(self, request: Check) -> Checked:
        """Fill in defaults, or refuse."""
        told = self._world.called("check", request.name, request)
        return Checked(inputs={**told.defaults, **request.news}, failures=_failures(told))

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs."""
        told = self._world.called("diff", request.name, request)
        return Diffed(changes="unknown") if told.unknown else _diffed(request, told)

    def create(self, request: Create) -> Created:
        """Make an object."""
        if request.preview:
            self._world.called("preview_create", request.name, request)
            return Created(id="", properties=self._outputs(request.properties, "", 1))
        told = self._world.called("create", request.name, request)
        with self._world.lock:
            count = self._world.counts.get(request.name, 0)
            self._world.counts[request.name] = count + 1
            id_ = f"{request.name}-{count}"
            outputs = self._outputs(request.properties, id_, 1)
            self._world.objects[id_] = {"inputs": request.properties, "outputs": outputs}
        _end(told, id_, outputs, request.properties)
        return Created(id=id_, properties=outputs)

    def read(self, request: Read) -> Found | None:
        """Look an object up."""
        told = self._world.called("read", request.name, request)
        found = self._world.objects.get(request.id)
        if found is None:
            return None
        inputs, outputs = _part(found, "inputs"), _part(found, "outputs")
        _end(told, request.id, outputs, inputs)
        return Found(id=request.id, properties=outputs, inputs=inputs)

    def update(self, request: Update) -> Updated:
        """Change an object."""
        version = bare(request.olds.get("version"))
        outputs = self._outputs(request.news, request.id, (version if isinstance(version, int) else 0) + 1)
        if request.preview:
            self._world.called("preview_update", request.name, request)
            return Updated(properties=outputs)
        told = self._world.called("update", request.name, request)
        with self._world.lock:
            self._world.objects[request.id] = {"inputs": request.news, "outputs": outputs}
        _end(told, request.id, outputs, request.news)
        return Updated(properties=outputs)

    def delete(self, request: Delete) -> None:
        """Delete an object; its absence is no error."""
        self._world.called("delete", request.name, request)
        with self._world.lock:
            self._world.objects.pop(request.id, None)

    def invoke(self, request: Invoke) -> Invoked:
        """Echo the arguments; `fake:index:broken` refuses."""
        self._world.called("invoke", request.token, request)
        if request.token == "fake:index:broken":  # noqa: S105  a function's name
            return Invoked(result={}, failures=(CheckFailure(property="key", reason="no such key"),))
        return Invoked(result={**request.args, "found": True})

    def cancel(self) -> None:
        """Note it."""
        self._world.cancelled.set()

    def close(self) -> None:
        """Hold nothing."""

    def _outputs(self, inputs: Struct, id_: str, version: int) -> Struct:
        region = self.configuration.get("region")
        extra: Struct = {"region": region} if region else {}
        if "password" in inputs:
            extra["password"] = secret(bare(inputs["password"]))
        return {**inputs, **extra, "arn": f"arn:fake:{id_}" if id_ else UNKNOWN, "version": version}


class FakeFactory:
    """Factory of package `fake`."""

    package = "fake"
    version = "1.0.0"

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self) -> Provider:
        """Return a fresh instance."""
        return FakeProvider(self._world)


def _end(told: Behaviour, id_: str, outputs: Struct, inputs: Struct) -> None:
    if told.then:
        told.then()
    if told.not_ready:
        raise InitFailed("not ready", id=id_, properties=outputs, inputs=inputs, reasons=told.not_ready)


def _part(found: Struct, key: str) -> Struct:
    value = found[key]
    assert isinstance(value, dict)
    return value


def _failures(told: Behaviour) -> tuple[CheckFailure, ...]:
    return tuple(CheckFailure(property=name, reason=reason) for name, reason in told.failures)


def _diffed(request: Diff, told: Behaviour) -> Diffed:
    kinds: dict[str, DiffKind] = {}
    for key in sorted(request.old_inputs.keys() | request.news.keys()):
        old, new = request.old_inputs.get(key), request.news.get(key)
        if _plain(old) != _plain(new):
            kinds[key] = "add" if key not in request.old_inputs else "delete" if key not in request.news else "update"
    replacing = tuple(key for key in kinds if key.startswith("fixed") or key in told.replace_on)
    return Diffed(
        changes="some" if kinds else "none",
        diffs=tuple(kinds),
        replaces=replacing,
        delete_before_replace=told.delete_first,
        detailed=None if told.undetailed else {key: PropertyDiff(kind=kind) for key, kind in kinds.items()},
    )


def _plain(value: Value) -> Value:
    return bare(value)
