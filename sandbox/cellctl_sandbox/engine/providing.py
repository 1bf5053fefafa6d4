"""Which provider a resource or function gets: the one it names, or the default one of its package and version."""

from __future__ import annotations

import json
from collections.abc import Callable

from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct, secret
from cellctl_sandbox.engine.errors import DefaultProviderDisabled, Rejected
from cellctl_sandbox.engine.goals import Goal, package_of
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.urns import PROVIDER_PREFIX, default_provider_name, make_urn

BUILTIN = "pulumi"  # the engine's own package: stack references, stashes


class Providing:
    """Finds providers; registers a default one on its first use. The caller holds the planning lock."""

    def __init__(self, scope: Scope, register: Callable[[Goal], ResourceState]) -> None:
        self._scope = scope
        self._register = register

    def reference(self, type_: str, given: str, version: str, download_url: str, *, custom: bool = True) -> str:
        """Return the reference of a resource's provider, empty for what has none.

        Raises:
            DefaultProviderDisabled: It would be a default provider, and the stack has none of that package.
        """
        if not custom or type_.startswith(PROVIDER_PREFIX):
            return ""
        return given or self._default(package_of(type_), version, download_url)

    def _default(self, package: str, version: str, download_url: str) -> str:
        name = default_provider_name(version, download_url)
        scope, type_ = self._scope, f"{PROVIDER_PREFIX}{package}"
        urn = make_urn(scope.stack, scope.project, "", type_, name)
        made = scope.made.get(urn)
        if made is None:
            self._refuse_disabled(package)
            inputs = self._configured(package)
            if version:
                inputs |= {"version": version, "__internal": {}}
            if download_url:
                inputs |= {"__internal": {"pluginDownloadURL": download_url}}
            made = self._register(Goal(type=type_, name=name, custom=True, properties=inputs))
        return f"{urn}::{made.id}"

    def _configured(self, package: str) -> Struct:
        """Return the stack's configuration for a package."""
        inputs: Struct = {}
        for key, item in self._scope.config.items():
            namespace, _, rest = key.partition(":")
            if namespace == package and rest not in ("version", "pluginDownloadURL"):
                inputs[rest] = secret(item.value) if item.secret else item.value
        return inputs

    def _refuse_disabled(self, package: str) -> None:
        given = self._scope.config.get("pulumi:disable-default-providers")
        if package == BUILTIN or given is None or not given.value:
            return
        try:
            names = json.loads(given.value)
        except ValueError as error:
            raise Rejected(f"pulumi:disable-default-providers is no list of packages: {error}") from None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Rejected("pulumi:disable-default-providers is no list of packages")
        if any(name.strip() in ("*", package) for name in names):
            raise DefaultProviderDisabled(package)
