"""The clouds cellctl knows, by strings: nothing of a cloud is imported before it is used.

A cloud is a `Cloud`: a pure layout function and a program. Outsiders add one through the entry-point group
`cellctl.clouds`. This module sees Layouts and programs only through the small Protocols below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Literal, Protocol

from cellctl.errors import UsageError
from cellctl.versions import TEMPLATE

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl.spec.account import AccountSpec
    from cellctl.spec.reef import ReefSpec
    from cellctl.state.values import Value


class Layout(Protocol):
    """A CellSpec resolved for one cloud: every name, size and CIDR decided. Frozen, pure, picklable."""

    @property
    def cell(self) -> str:
        """Cell name."""

    @property
    def cloud(self) -> str:
        """`aws` or `azure`."""

    @property
    def account(self) -> str:
        """Name of the account in `cellctl.yaml`."""

    @property
    def region(self) -> str:
        """Region as the cloud spells it."""

    def to_json(self) -> Mapping[str, Value]:
        """Return all of it as JSON-like data, stable under equal input (goldens, digests)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountFacts:
    """What a program must know of the account it runs against; never credentials.

    `id` is the AWS account id or the Azure subscription id. `tenant` is the Entra tenant id (Azure). `role` is the role
    to assume (AWS) or the client id for OIDC (Azure), empty in the sandbox; `changes_as` is the one that changes, which
    is the same for a run that only looks. `control_cidr` is where cellctl runs.
    `administrators` is the object id of the Entra group that administers databases, `principal` the object id of
    whoever runs cellctl, `sql_identity` the id of the identity as which SQL servers ask the directory, `queue_role`
    that of the role that reads the keys of a queue (Azure; all four may be empty). `born` is the template of the
    cellctl that made the stack: what a newer one would leave out, an older stack keeps. `logs` is where load balancers
    write who asked them (`s3://BUCKET?region=REGION`), `` where nobody has said it. `private_zones` is the id of the
    resource group whose private zones the stack has linked since it was made, `` where it has zones of its own (Azure).
    """

    id: str
    tenant: str = ""
    role: str = ""
    changes_as: str = ""
    control_cidr: str = "10.255.0.0/24"
    administrators: str = ""
    principal: str = ""
    sql_identity: str = ""
    queue_role: str = ""
    private_zones: str = ""
    born: int = TEMPLATE
    logs: str = ""
    sandbox: bool = False


class Program(Protocol):
    """Declares the resources of one cell; runs inside an engine."""

    def __call__(self, layout: Layout, account: AccountFacts) -> None:
        """Declare components and export outputs."""


class LayoutFunction(Protocol):
    """Pure: equal arguments give equal layouts, for ever. `place` is what a cell on a reef has there.

    `site` is what it uses of the account and does not own, as `Sites.settle` made it.
    """

    def __call__(
        self,
        spec: CellSpec,
        *,
        incarnation: int = 1,
        place: Mapping[str, Value] | None = None,
        site: Mapping[str, Value] | None = None,
    ) -> Layout:
        """Resolve `spec`; raises SpecError with every problem."""


class ReefLayoutFunction(Protocol):
    """As `LayoutFunction`, for a reef."""

    def __call__(self, spec: ReefSpec, *, incarnation: int = 1, site: Mapping[str, Value] | None = None) -> Layout:
        """Resolve `spec`; raises SpecError with every problem."""


@dataclass(frozen=True)
class Reefs:
    """Shared capacity of one cloud."""

    layout: ReefLayoutFunction
    program: Program


class AccountLayoutFunction(Protocol):
    """As `LayoutFunction`, for an account's base."""

    def __call__(self, spec: AccountSpec, *, incarnation: int = 1) -> Layout:
        """Resolve `spec`; raises SpecError with every problem."""


@dataclass(frozen=True)
class Accounts:
    """The base of one cloud's accounts."""

    layout: AccountLayoutFunction
    program: Program


Look = Callable[[Mapping[str, "Value"]], "dict[str, Value]"]
"""Looks into the account at what a question names; what is not there is absent in the answer."""


class SettleFunction(Protocol):
    """Looks at what a spec names of the account, judges it, and returns what is frozen into the stack."""

    def __call__(
        self, spec: CellSpec | ReefSpec, look: Look, *, exists: bool, place: Mapping[str, Value] | None = None
    ) -> Mapping[str, Value]:
        """Return the site; `exists`: something of the stack is there. Raises GuardError with every objection."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One cloud. `reefs`, `accounts` and `settle` are None where it has no such stacks, or nothing to settle, yet."""

    name: str
    layout: LayoutFunction
    program: Program
    reefs: Reefs | None = None
    accounts: Accounts | None = None
    settle: SettleFunction | None = None


Level = Literal["cell", "reef", "account"]
"""What a stack is: its name begins with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a stack is to be: `spec` is the JSON of its spec, `place` a cell's on its reef, `site` what it found."""

    level: Level
    spec: Mapping[str, Value]
    incarnation: int = 1
    place: Mapping[str, Value] | None = None
    site: Mapping[str, Value] | None = None


def declaring(cloud: Cloud, wanted: Wanted, account: AccountFacts) -> Callable[[], None]:
    """Return what declares a stack's resources, its layout made.

    Raises:
        SpecError: The cloud cannot do what the spec asks.
        UsageError: The cloud has no such level.
    """
    from cellctl.spec import CellSpec
    from cellctl.spec.account import AccountSpec
    from cellctl.spec.reef import ReefSpec

    if wanted.level == "cell":
        spec = CellSpec.model_validate(dict(wanted.spec))
        more = {"site": wanted.site} if wanted.site else {}  # a cloud that settles nothing need not know the word
        layout = cloud.layout(spec, incarnation=wanted.incarnation, place=wanted.place, **more)
        program = cloud.program
    elif wanted.level == "account" and cloud.accounts is not None:
        base = AccountSpec.model_validate(dict(wanted.spec))
        layout, program = cloud.accounts.layout(base, incarnation=wanted.incarnation), cloud.accounts.program
    elif wanted.level == "reef" and cloud.reefs is not None:
        reef = ReefSpec.model_validate(dict(wanted.spec))
        layout = cloud.reefs.layout(reef, incarnation=wanted.incarnation, site=wanted.site)
        program = cloud.reefs.program
    else:
        message = f"{cloud.name} has no stack of level {wanted.level} yet"
        raise UsageError(message, hint=f"cellctl {wanted.level} up --cloud aws NAME", code="no_level")
    return lambda: program(layout, account)


SDKS = ("pulumi_aws", "pulumi_azure_native")
"""Packages of the clouds' SDKs; operation processes load of them only what a program uses."""


_KNOWN = {
    "aws": ("cellctl_stacks.aws_cell:CLOUD", "pip install 'cellctl[aws]'"),
    "azure": ("cellctl_stacks.azure_cell:CLOUD", "pip install 'cellctl[azure]'"),
}


def names() -> tuple[str, ...]:
    """Return the names of all known clouds."""
    return tuple(_KNOWN)


def load(name: str) -> Cloud:
    """Return a cloud, importing its program.

    Raises:
        UsageError: Unknown cloud, or its SDK is not installed.
    """
    if name not in _KNOWN:
        raise UsageError(f"there is no cloud '{name}'", hint=f"clouds are: {', '.join(_KNOWN)}", code="unknown_cloud")
    target, install = _KNOWN[name]
    try:
        cloud = resolve_name(target)
    except ModuleNotFoundError as error:
        raise UsageError(f"the SDK for {name} is not installed ({error.name})", hint=install) from error
    assert isinstance(cloud, Cloud)
    return cloud
