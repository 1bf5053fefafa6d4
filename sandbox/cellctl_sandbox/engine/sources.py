"""Where providers come from: factories in this process, then plugins on an allow-list."""

from __future__ import annotations

from collections.abc import Mapping

from cellctl_provider.protocol import Provider, ProviderFactory
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.registry import ProviderSource


class InProcess:
    """Providers of this process; anything else is asked of `beyond`, if there is such a source."""

    def __init__(self, factories: Mapping[str, ProviderFactory], beyond: ProviderSource | None = None) -> None:
        self._factories = dict(factories)
        self._beyond = beyond

    def offers(self, package: str) -> bool:
        """Tell whether a package is not refused."""
        return self._beyond is None or package in self._factories or self._beyond.offers(package)

    def open(self, package: str, version: str, urn: str, variables: Mapping[str, str]) -> Provider:
        """Return a fresh provider; a version must match exactly, as for a plugin, unless the factory names none."""
        factory = self._factories.get(package)
        if factory is None and self._beyond is not None:
            return self._beyond.open(package, version, urn, variables)
        if factory is None or (version and factory.version not in ("", version)):
            raise missing(package, version, urn)
        return factory()


def missing(package: str, version: str, urn: str) -> StepFailed:
    """Return the failure that says that there is no such provider."""
    at = f" at version v{version}" if version else ""
    return StepFailed(f"no resource plugin 'pulumi-resource-{package}' found in the workspace{at}", urn=urn)
