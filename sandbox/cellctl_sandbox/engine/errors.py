"""What can go wrong inside the engine, as types."""

from __future__ import annotations

import grpc

from cellctl.errors import EngineError
from cellctl_sandbox.engine.refusals import Feature


class UnsupportedFeature(EngineError):
    """Something asks for a feature this engine does not have; nothing was changed because of it.

    `detail` names what was asked for where the feature is not one thing: `the backend 's3'`.
    """

    code = "unsupported_feature"

    def __init__(self, feature: Feature, detail: str = "", *, urn: str = "") -> None:
        told = f"{feature.value.told_as} '{detail}'" if detail else feature.value.told_as
        super().__init__(
            f"the embedded engine does not support {told}",
            hint="use the Pulumi CLI for this program (--engine pulumi)",
            urn=urn,
        )
        self.feature = feature


class StepFailed(Exception):
    """A step or a plan cannot go on; `message` was not reported yet, and is empty if there is nothing to add."""

    def __init__(self, message: str, *, urn: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.urn = urn


class NotStarted(StepFailed):
    """A provider does not start: its plugin is not there, or says nothing."""


class DeletionRefused(StepFailed):
    """A resource that is protected shall be deleted; nothing was begun, so the operation tells of all of them."""


class DefaultProviderDisabled(StepFailed):
    """A resource or function names no provider, and the stack has disabled the default one of its package."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"Default provider for '{package}' disabled: every resource and invoke must name an explicit provider"
        )


def crashed(urn: str, error: Exception) -> StepFailed:
    """Return the failure of a step whose provider raised what it must not raise."""
    return StepFailed(f"the provider failed unexpectedly ({type(error).__name__})", urn=urn)


class Unavailable(grpc.RpcError):
    """What the SDK sees once an operation has failed or was cancelled: it then stops quietly."""

    def code(self) -> grpc.StatusCode:
        """Return UNAVAILABLE: the SDK takes it as "the monitor is shutting down"."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """Return one sentence."""
        return "the operation has ended"


class Rejected(grpc.RpcError):
    """What the SDK sees when one call is refused; it becomes an exception in the program."""

    def __init__(self, message: str, code: grpc.StatusCode = grpc.StatusCode.UNKNOWN) -> None:
        super().__init__(message)
        self._message = message
        self._code = code

    def code(self) -> grpc.StatusCode:
        """Return the status."""
        return self._code

    def details(self) -> str:
        """Return the reason."""
        return self._message
