"""The provider of the engine's own package `pulumi`: references to other stacks, stashes, and lookups of resources."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct, Value, contains_secret
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
    Found,
    Invoke,
    Invoked,
    Provider,
    ProviderError,
    Read,
    Update,
    Updated,
)
from cellctl_sandbox.engine.providing import BUILTIN
from cellctl_sandbox.engine.registry import ProviderSource

STACK_REFERENCE = "pulumi:pulumi:StackReference"
STASH = "pulumi:index:Stash"
StackOutputs = Callable[[str], Struct]
_INPUTS: Mapping[str, str] = {STACK_REFERENCE: "name", STASH: "input"}  # the one input of each type


class Builtin:
    """The provider; `outputs` returns the opened outputs of another stack by the name that a program gives it.

    It raises ProviderError if there is no such stack. `find` returns a resource that this operation registered.
    """

    holds_baton = True

    def __init__(self, outputs: StackOutputs, find: Callable[[str], ResourceState | None]) -> None:
        self._outputs = outputs
        self._find = find

    def check_config(self, request: Check) -> Checked:
        """Accept."""
        return Checked(inputs=request.news)

    def diff_config(self, request: Diff) -> Diffed:  # noqa: ARG002
        """Tell of no difference."""
        return Diffed(changes="none")

    def configure(self, request: Configure) -> None:
        """Need nothing."""

    def check(self, request: Check) -> Checked:
        """Refuse what the type does not have."""
        key = _key(request.type)
        others = [name for name in request.news if name != key]
        failures = [CheckFailure(property=name, reason=f'unknown property "{name}"') for name in others]
        if key not in request.news:
            failures = [CheckFailure(property=key, reason=f'missing required property "{key}"')]
        return Checked(inputs=request.news, failures=tuple(failures[:1]))

    def diff(self, request: Diff) -> Diffed:
        """Compare the one input: another stack is another resource, a stash keeps its first value."""
        key = _key(request.type)
        if request.news.get(key) == request.old_inputs.get(key):
            return Diffed(changes="none")
        if request.type == STACK_REFERENCE:
            return Diffed(changes="some", replaces=(key,))
        return Diffed(changes="some", diffs=(key,))

    def create(self, request: Create) -> Created:
        """Read the other stack, or take the value of a stash."""
        id_ = "" if request.preview else str(uuid.uuid4())
        if request.type == STACK_REFERENCE:
            return Created(id=id_, properties=self._referenced(request.properties.get("name")))
        value = request.properties.get("input")
        return Created(id=id_, properties={"input": value, "output": value})

    def update(self, request: Update) -> Updated:
        """Take the new input of a stash; what it gives stays."""
        return Updated(properties={"input": request.news.get("input"), "output": request.olds.get("output")})

    def delete(self, request: Delete) -> None:
        """Have nothing to delete."""

    def read(self, request: Read) -> Found | None:
        """Read the other stack again; a stash is what the state says."""
        if not request.inputs:
            raise ProviderError(f"{request.type} cannot be imported")
        outputs = request.properties
        if request.type == STACK_REFERENCE:
            outputs = self._referenced(request.inputs.get("name"))
        return Found(id=request.id, properties=outputs, inputs=request.inputs)

    def invoke(self, request: Invoke) -> Invoked:
        """Look a stack or a resource up."""
        if request.token == "pulumi:pulumi:readStackOutputs":  # noqa: S105  a function's name
            return Invoked(result=self._referenced(request.args.get("name")))
        if request.token == "pulumi:pulumi:getResource":  # noqa: S105  a function's name
            return Invoked(result=self._resource(str(request.args.get("urn"))))
        raise ProviderError(f"unrecognized function name: '{request.token}'")

    def _resource(self, urn: str) -> Struct:
        state = self._find(urn)
        if state is None:
            raise ProviderError(f"unknown resource {urn}")
        return {"urn": urn, "id": state.id, "provider": state.provider, "state": state.outputs}

    def _referenced(self, name: Value) -> Struct:
        if not isinstance(name, str):
            raise ProviderError("the name of a stack is a string")
        outputs = self._outputs(name)
        hidden: list[Value] = [key for key in sorted(outputs) if contains_secret(outputs[key])]
        return {"name": name, "outputs": outputs, "secretOutputNames": hidden}

    def cancel(self) -> None:
        """Have nothing to cancel."""

    def close(self) -> None:
        """Hold nothing."""


def _key(type_: str) -> str:
    if type_ not in _INPUTS:
        raise ProviderError(f"unrecognized resource type '{type_}'")
    return _INPUTS[type_]


def no_other_stacks(name: str) -> Struct:
    """Refuse every stack: for an engine that knows only its target."""
    raise ProviderError(f"unknown stack '{name}'")


class WithBuiltin:
    """A source of providers that has the engine's own one too."""

    def __init__(self, beyond: ProviderSource, builtin: Callable[[], Provider]) -> None:
        self._beyond = beyond
        self._builtin = builtin

    def offers(self, package: str) -> bool:
        """Tell whether a package is not refused; `pulumi` stands for provider resources too."""
        return package == BUILTIN or self._beyond.offers(package)

    def open(self, package: str, version: str, urn: str, variables: Mapping[str, str]) -> Provider:
        """Return a fresh provider."""
        return self._builtin() if package == BUILTIN else self._beyond.open(package, version, urn, variables)
