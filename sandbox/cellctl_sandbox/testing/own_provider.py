"""Providers of a test's own: a base class over objects in memory, and routing of single types to one."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from cellctl.state.values import UNKNOWN, Struct
from cellctl_provider.protocol import (
    Check,
    Checked,
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
    ProviderFactory,
    Read,
    Update,
    Updated,
)
from cellctl_sandbox.engine.steps import by_inputs


class OwnProvider:
    """A `cellctl_provider.protocol.Provider` whose objects echo their inputs; override what is different.

    `replaces`: names of inputs that cannot be changed in place. `computed`: names of outputs that are not known before
    the object is made; `outputs` gives their values. `objects`: id -> properties. One instance may serve many stacks.
    """

    replaces: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.objects: dict[str, Struct] = {}
        self._inputs: dict[str, Struct] = {}
        self._made = 0
        self._lock = threading.Lock()

    def outputs(self, type: str, id: str, inputs: Struct) -> Struct:
        """Return what an object has beside its inputs; secrets in `inputs` keep their wrappers."""
        del type, id, inputs
        return {}

    # ---- the protocol
    def check_config(self, request: Check) -> Checked:
        """Accept any configuration."""
        return Checked(inputs=request.news)

    def diff_config(self, request: Diff) -> Diffed:
        """Compare configurations."""
        return by_inputs(request.old_inputs, request.news)

    def configure(self, request: Configure) -> None:
        """Ignore the configuration."""

    def check(self, request: Check) -> Checked:
        """Accept any inputs."""
        return Checked(inputs=request.news)

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs; those in `replaces` replace."""
        found = by_inputs(request.old_inputs, request.news)
        replaces = tuple(key for key in found.diffs if key in self.replaces)
        return Diffed(changes=found.changes, diffs=found.diffs, detailed=found.detailed, replaces=replaces)

    def create(self, request: Create) -> Created:
        """Make an object: its inputs and `outputs`."""
        if request.preview:
            return Created(id="", properties={**dict.fromkeys(self.computed, UNKNOWN), **request.properties})
        with self._lock:
            self._made += 1
            id_ = f"{request.urn.rpartition('::')[2]}-{self._made}"
        return Created(id=id_, properties=self._store(request.urn, id_, request.properties))

    def read(self, request: Read) -> Found | None:
        """Look an object up."""
        if request.id not in self.objects:
            return None
        return Found(id=request.id, properties=self.objects[request.id], inputs=self._inputs[request.id])

    def update(self, request: Update) -> Updated:
        """Give an object new inputs."""
        if request.preview:
            return Updated(properties={**request.olds, **request.news})
        return Updated(properties=self._store(request.urn, request.id, request.news))

    def delete(self, request: Delete) -> None:
        """Delete an object."""
        self.objects.pop(request.id, None)

    def invoke(self, request: Invoke) -> Invoked:
        """Refuse: override it for functions."""
        raise ProviderError(f"this provider has no function '{request.token}'", code="invalid")

    def cancel(self) -> None:
        """Nothing runs long."""

    def close(self) -> None:
        """Objects live as long as the provider."""

    def _store(self, urn: str, id_: str, inputs: Struct) -> Struct:
        self._inputs[id_] = inputs
        self.objects[id_] = {**inputs, **self.outputs(type_of(urn), id_, inputs)}
        return self.objects[id_]


def type_of(urn: str) -> str:
    """Return the type token of a URN."""
    return urn.split("::")[2].rpartition("$")[2]


class OwnFactory:
    """Gives out one provider, for any version of its package."""

    version = ""

    def __init__(self, package: str, provider: Provider) -> None:
        self.package = package
        self._provider = provider

    def __call__(self) -> Provider:
        """Return the provider."""
        return self._provider


class RoutingFactory:
    """A package some of whose types and functions are served by providers of a test's own."""

    def __init__(self, rest: ProviderFactory, own: Mapping[str, Provider]) -> None:
        self._rest = rest
        self._own = own

    @property
    def package(self) -> str:
        """Package name."""
        return self._rest.package

    @property
    def version(self) -> str:
        """Version of the package."""
        return self._rest.version

    def __call__(self) -> Provider:
        """Return a fresh instance."""
        return _Routing(self._rest(), self._own)


class _Routing:
    """Asks the provider of a type's own, else the rest."""

    def __init__(self, rest: Provider, own: Mapping[str, Provider]) -> None:
        self._rest = rest
        self._own = own

    def _of(self, urn: str) -> Provider:
        return self._own.get(type_of(urn), self._rest)

    def check_config(self, request: Check) -> Checked:
        return self._rest.check_config(request)

    def diff_config(self, request: Diff) -> Diffed:
        return self._rest.diff_config(request)

    def configure(self, request: Configure) -> None:
        for provider in (self._rest, *self._own.values()):
            provider.configure(request)

    def check(self, request: Check) -> Checked:
        return self._of(request.urn).check(request)

    def diff(self, request: Diff) -> Diffed:
        return self._of(request.urn).diff(request)

    def create(self, request: Create) -> Created:
        return self._of(request.urn).create(request)

    def read(self, request: Read) -> Found | None:
        return self._of(request.urn).read(request)

    def update(self, request: Update) -> Updated:
        return self._of(request.urn).update(request)

    def delete(self, request: Delete) -> None:
        self._of(request.urn).delete(request)

    def invoke(self, request: Invoke) -> Invoked:
        return self._own.get(request.token, self._rest).invoke(request)

    def cancel(self) -> None:
        for provider in (self._rest, *self._own.values()):
            provider.cancel()

    def close(self) -> None:
        self._rest.close()
