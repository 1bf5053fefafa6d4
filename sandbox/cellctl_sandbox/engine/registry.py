"""Provider instances: one for each provider resource, opened, checked, configured, cancelled and closed.

A provider resource (`pulumi:providers:PKG`) is planned like any resource; the registry answers for it what a provider
answers for others: Check is CheckConfig, Diff is DiffConfig, Create, Update and Same are Configure.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from cellctl.state.resources import ResourceState
from cellctl.state.values import UNKNOWN, Struct, Value, bare, bare_struct, contains_secret, contains_unknown, secret
from cellctl_provider import baton
from cellctl_provider.protocol import (
    Check,
    Checked,
    Configure,
    Diff,
    Diffed,
    Provider,
    ProviderError,
)
from cellctl_sandbox.engine.errors import NotStarted, StepFailed
from cellctl_sandbox.engine.outside import in_line
from cellctl_sandbox.engine.steps import by_inputs
from cellctl_sandbox.engine.urns import PROVIDER_PREFIX, name_of, split_reference, type_of

INTERNAL = "__internal"  # a key that the CLI keeps in a provider's inputs and never sends


class ProviderSource(Protocol):
    """Where providers come from."""

    def offers(self, package: str) -> bool:
        """Tell whether a package is not refused; whether it is there in some version shows when it is opened."""

    def open(self, package: str, version: str, urn: str, variables: Mapping[str, str]) -> Provider:
        """Return a fresh, unconfigured provider; `variables` maps its environment variables to the caller's.

        Raises:
            StepFailed: There is none of that package and version.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """A provider ready for calls. `known` is false in a preview where its configuration holds unknown values.

    `refused` is why the provider did not take its configuration; told when somebody first needs it.
    """

    provider: Provider
    known: bool = True
    refused: str = ""


class Registry:
    """All provider instances of one operation."""

    def __init__(self, source: ProviderSource) -> None:
        self._source = source
        self._lock = baton.Lock()
        self._fresh: dict[str, Provider] = {}
        self._configured: dict[str, Instance] = {}
        self._opened: list[Provider] = []
        self._closed = False

    def offers(self, package: str) -> bool:
        """Tell whether a package is not refused."""
        return self._source.offers(package)

    # ---- what a provider resource is asked ----
    def check(self, urn: str, olds: Struct, news: Struct) -> Checked:
        """Validate the configuration of a provider resource."""
        given = public(news)
        provider = self._open(urn, news)
        own: Struct = {INTERNAL: news[INTERNAL]} if INTERNAL in news else {}
        with self._lock:
            self._fresh[urn] = provider
        request = Check(
            urn=urn, olds=bare_struct(public(olds)), news=bare_struct(given), type=type_of(urn), name=name_of(urn)
        )
        try:
            checked = provider.check_config(request)
        except ProviderError as error:
            raise StepFailed(error.message, urn=urn) from error
        inputs = {key: _as_secret(value, given.get(key)) for key, value in checked.inputs.items()}
        return Checked(inputs={**inputs, **own}, failures=checked.failures)

    def diff(self, old: ResourceState, news: Struct) -> Diffed:
        """Compare the configuration of a provider resource; call `check` first."""
        given = public(news)
        provider = self._fresh.get(old.urn) or self._open(old.urn, news)
        diff = self._diff_config(provider, old, given, old.urn)
        return by_inputs(public(old.inputs), given) if diff.changes == "unknown" else diff

    def diff_between(self, old: ResourceState, new: ResourceState) -> Diffed:
        """Compare two different provider resources: those of a resource that moved from one to the other."""
        provider = self.instance(f"{new.urn}::{new.id}").provider
        return self._diff_config(provider, old, public(new.inputs), new.urn)

    def _diff_config(self, provider: Provider, old: ResourceState, news: Struct, urn: str) -> Diffed:
        try:
            return provider.diff_config(
                Diff(
                    urn=urn,
                    id=old.id,
                    olds=public(old.outputs),
                    old_inputs=public(old.inputs),
                    news=news,
                    type=type_of(urn),
                    name=name_of(urn),
                )
            )
        except ProviderError as error:
            raise StepFailed(error.message, urn=urn) from error

    def configure(self, state: ResourceState, *, replaces: str = "", planning: bool = False) -> str:
        """Make an instance for a provider resource and return its id: its own, or a new one.

        A new one follows from the id that it `replaces`. In a preview it is unknown, and a configuration with unknown
        values is not sent.
        """
        given = public(state.inputs)
        id_ = state.id or (UNKNOWN if planning else str(uuid.uuid5(uuid.NAMESPACE_URL, f"{state.urn}#{replaces}")))
        with self._lock:
            provider = self._fresh.pop(state.urn, None) or self._open(state.urn, state.inputs)
            known, refused = not contains_unknown(given), ""
            if known:
                package = type_of(state.urn).removeprefix(PROVIDER_PREFIX)
                try:
                    self._configure(provider, state.urn, id_, package, given)
                except StepFailed as error:
                    refused = error.message
            self._configured[f"{state.urn}::{id_}"] = Instance(provider=provider, known=known, refused=refused)
        return id_

    @staticmethod
    def _configure(provider: Provider, urn: str, id_: str, package: str, given: Struct) -> None:
        variables = {f"{package}:config:{key}": as_text(value) for key, value in given.items() if key != "version"}
        request = Configure(urn=urn, name=name_of(urn), type=type_of(urn), id=id_, variables=variables, args=given)
        try:
            provider.configure(request)
        except ProviderError as error:
            raise StepFailed(error.message, urn=urn) from error

    # ---- what resources need ----
    def instance(self, reference: str, find: Callable[[str, str], ResourceState | None] | None = None) -> Instance:
        """Return the instance of a provider reference.

        `find` looks a provider resource up in the state by URN and id: the old provider of something to delete.
        """
        with self._lock:
            known = self._configured.get(reference)
            if known and known.refused:
                raise StepFailed(known.refused, urn=split_reference(reference)[0])
            if known:
                return known
            urn, id_ = split_reference(reference)
            state = find(urn, id_) if find else None
            if state is None:
                raise StepFailed(f"unknown provider '{reference}'")
            given = public(state.inputs)
            provider = self._open(urn, state.inputs)
            self._configure(provider, urn, id_, type_of(urn).removeprefix(PROVIDER_PREFIX), given)
            instance = self._configured[reference] = Instance(provider=provider)
            return instance

    def _open(self, urn: str, inputs: Struct) -> Provider:
        """Return a fresh provider of a provider resource; raises `NotStarted`."""
        package = type_of(urn).removeprefix(PROVIDER_PREFIX)
        version, own = inputs.get("version"), inputs.get(INTERNAL)
        given = own.get("envVarMappings") if isinstance(own, dict) else None
        variables = {theirs: ours for ours, theirs in given.items()} if isinstance(given, dict) else {}
        texts = {str(theirs): str(ours) for theirs, ours in variables.items()}
        try:
            provider = in_line(self._source.open(package, version if isinstance(version, str) else "", urn, texts))
        except (ProviderError, StepFailed) as error:
            raise NotStarted(error.message, urn=urn) from error
        with self._lock:
            self._opened.append(provider)
        return provider

    # ---- the end ----
    def cancel(self) -> None:
        """Ask every instance to end running calls early."""
        with self._lock:
            opened = list(self._opened)
        for provider in opened:
            with suppress(ProviderError):
                provider.cancel()

    def close(self) -> None:
        """Release every instance."""
        self.cancel()
        with self._lock:
            opened, self._opened = list(self._opened), []
            self._configured.clear()
            self._fresh.clear()
        for provider in opened:
            with suppress(ProviderError):
                provider.close()


def public(inputs: Struct) -> Struct:
    """Return a provider's inputs without what is the engine's own."""
    return {key: value for key, value in inputs.items() if key != INTERNAL}


def as_text(value: Value) -> str:
    """Return a configuration value as the text that a provider's variables carry: JSON unless it is a string."""
    plain = bare(value)
    return plain if isinstance(plain, str) else json.dumps(plain, separators=(",", ":"))


def _as_secret(value: Value, given: Value) -> Value:
    return secret(value) if contains_secret(given) and not contains_secret(value) else value
