"""The provider protocol: what an engine asks of a provider, as typed values.

One instance serves one configured provider resource. Methods are called from many threads at once, except
`configure`, which is called once and first. Wire values keep their secret wrappers unless the method says otherwise.
The same protocol has two transports: this object called in-process, and gRPC (`hosts/`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cellctl.state.values import Struct

ErrorCode = Literal[
    "invalid", "not_found", "conflict", "throttle", "quota", "capacity", "auth", "internal", "cancelled", "unreachable"
]
DiffKind = Literal["add", "add-replace", "delete", "delete-replace", "update", "update-replace"]


class ProviderError(Exception):
    """A call failed; the message is the provider's own and holds no secret."""

    def __init__(self, message: str, *, code: ErrorCode = "internal") -> None:
        super().__init__(message)
        self.message = message
        self.code: ErrorCode = code


class InitFailed(ProviderError):
    """The object exists (`id`), but is not ready: it is saved with `reasons` and updated by the next run."""

    def __init__(self, message: str, *, id: str, properties: Struct, inputs: Struct, reasons: Sequence[str]) -> None:
        super().__init__(message)
        self.id = id
        self.properties = properties
        self.inputs = inputs
        self.reasons = tuple(reasons)


@dataclass(frozen=True, kw_only=True, slots=True)
class Configure:
    """Configuration of one provider instance; `variables` has keys `pkg:config:key` and values in clear."""

    urn: str
    name: str
    type: str
    id: str
    variables: Mapping[str, str]
    args: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckFailure:
    """One refused property; `property` may be empty."""

    property: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Inputs to validate. `olds` are the inputs of the last run, `{}` for a create. Values may be unknown."""

    urn: str
    olds: Struct
    news: Struct
    random_seed: bytes = b""
    type: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Inputs with the provider's defaults filled in, or why they are refused."""

    inputs: Struct
    failures: tuple[CheckFailure, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyDiff:
    """How one property path differs; `input_diff` tells that inputs, not outputs, were compared."""

    kind: DiffKind
    input_diff: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    """Old state against new inputs. `olds` are outputs, `old_inputs` inputs."""

    urn: str
    id: str
    olds: Struct
    old_inputs: Struct
    news: Struct
    ignore_changes: tuple[str, ...] = ()
    type: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diffed:
    """The answer to `Diff`. `replaces` empty means an update in place; `detailed` None means no detail known."""

    changes: Literal["none", "some", "unknown"]
    diffs: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    stables: tuple[str, ...] = ()
    delete_before_replace: bool = False
    detailed: Mapping[str, PropertyDiff] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Create:
    """Create an object; with `preview` answer what is known (unknown outputs as the sentinel) and connect nowhere."""

    urn: str
    properties: Struct
    preview: bool = False
    timeout_s: float = 0.0
    type: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """`id` is empty in a preview. `properties` are all outputs, the echoed inputs among them."""

    id: str
    properties: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """Look an object up by its id."""

    urn: str
    id: str
    properties: Struct
    inputs: Struct
    timeout_s: float = 0.0
    type: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What Read found."""

    id: str
    properties: Struct
    inputs: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """Change an object in place."""

    urn: str
    id: str
    olds: Struct
    old_inputs: Struct
    news: Struct
    preview: bool = False
    timeout_s: float = 0.0
    ignore_changes: tuple[str, ...] = ()
    type: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Updated:
    """All outputs after the change."""

    properties: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Delete:
    """Delete an object; deleting what is gone succeeds."""

    urn: str
    id: str
    properties: Struct
    old_inputs: Struct = field(default_factory=dict)
    timeout_s: float = 0.0
    type: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoke:
    """Call a function of the provider."""

    token: str
    args: Struct
    preview: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoked:
    """The function's result, or why its arguments are refused."""

    result: Struct
    failures: tuple[CheckFailure, ...] = ()


class Provider(Protocol):
    """One configured provider. Every method may raise `ProviderError`; create, read and update also `InitFailed`."""

    def check_config(self, request: Check) -> Checked:
        """Validate provider configuration; values arrive without secret wrappers."""

    def diff_config(self, request: Diff) -> Diffed:
        """Compare provider configurations; replaces means that every resource of it is replaced."""

    def configure(self, request: Configure) -> None:
        """Take the configuration. Called once, before any resource method."""

    def check(self, request: Check) -> Checked:
        """Validate inputs and fill defaults. Opens no connection."""

    def diff(self, request: Diff) -> Diffed:
        """Compare old state with new inputs. Opens no connection."""

    def create(self, request: Create) -> Created:
        """Create an object and wait until it is ready."""

    def read(self, request: Read) -> Found | None:
        """Return the object as the cloud has it, or None if it is gone."""

    def update(self, request: Update) -> Updated:
        """Change an object in place and wait until it is ready."""

    def delete(self, request: Delete) -> None:
        """Delete an object and wait until it is gone."""

    def invoke(self, request: Invoke) -> Invoked:
        """Call a function."""

    def cancel(self) -> None:
        """End running calls early where that is safe; may come at any time, more than once."""

    def close(self) -> None:
        """Release what the instance holds. No call follows."""


class ProviderFactory(Protocol):
    """Makes instances of one package."""

    @property
    def package(self) -> str:
        """Package name, for example `aws`."""

    @property
    def version(self) -> str:
        """Version without `v`, for example `7.51.1`."""

    def __call__(self) -> Provider:
        """Return a fresh, unconfigured instance."""
