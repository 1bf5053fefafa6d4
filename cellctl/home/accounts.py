"""What `cellctl.yaml` says: the accounts cells may live in, and where the registry is. Values; no pydantic here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cellctl.drift import Rule
from cellctl.errors import GuardError, Objection, Problem, UsageError
from cellctl.guard.exceptions import Freeze, PolicyException

SANDBOX = "sandbox"


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One account. `cloud` is `` for the sandbox, which has both clouds.

    `id` is the AWS account or Azure subscription; `tenant`, `administrators` (a group) and `principal` (who runs
    cellctl) are ids of Entra; `sql_identity` is the id of the identity that SQL servers have,
    `queue_role` that of the role that reads a queue's keys, `private_zones` that of the group of zones that new stacks
    link.
    `apply_role` and `preview_role` are role ARNs (AWS) or client ids (Azure). `state` and
    `secrets` are Pulumi URLs, `logs` that of the bucket for access logs. `reach` is `direct` or `runner`.
    `control_cidr` is where cellctl runs, `` for the default. `regions` empty: any. `signers`: public keys of
    whoever must approve what changes here, empty for those of the home.
    """

    name: str
    cloud: str
    id: str
    tenant: str = ""
    administrators: str = ""
    principal: str = ""
    sql_identity: str = ""
    queue_role: str = ""
    private_zones: str = ""
    regions: tuple[str, ...] = ()
    apply_role: str = ""
    preview_role: str = ""
    state: str = ""
    secrets: str = ""
    logs: str = ""
    reach: str = "direct"
    control_cidr: str = ""
    signers: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether nothing real is created here."""
        return self.name == SANDBOX

    @property
    def looks_as(self) -> str:
        """The role of whoever only looks: that of previews, where none is named the one that changes."""
        return self.preview_role or self.apply_role


# The ids are those of no real account: AWS ids never begin with four zeros, and Azure ids are random.
SANDBOX_ACCOUNT = Account(name=SANDBOX, cloud="", id="000000000000")


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeFile:
    """`cellctl.yaml` as a value: its accounts without the sandbox, the registry's URL or ``, the rules on drift.

    `policies`: where a policy does not hold. `freezes`: when cells do not change. `signers`: whose
    approval is demanded, as public keys; empty for nobody's.
    """

    accounts: Mapping[str, Account] = field(default_factory=dict)
    registry: str = ""
    drift: tuple[Rule, ...] = ()
    policies: tuple[PolicyException, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    signers: tuple[str, ...] = ()

    @property
    def sandbox_only(self) -> bool:
        """Whether no real account is named, so that names may be made up freely."""
        return not self.accounts

    def account(self, name: str) -> Account:
        """Return an account; the sandbox always exists.

        Raises:
            UsageError: `cellctl.yaml` does not name it. It is never taken to mean the sandbox.
        """
        if name == SANDBOX:
            return SANDBOX_ACCOUNT
        if name not in self.accounts:
            raise UsageError(
                f"account '{name}' is not in cellctl.yaml",
                hint=_which((SANDBOX, *self.accounts), name),
                code="no_account",
            )
        return self.accounts[name]

    def check(self, *, account: str, cloud: str, region: str) -> list[Problem]:
        """Return what is wrong with an account, cloud and region as a cell file gives them."""
        if account != SANDBOX and account not in self.accounts:
            hint = _which((SANDBOX, *self.accounts), account)
            return [Problem(message=f"account '{account}' is not in cellctl.yaml", field="spec.account", hint=hint)]
        found = self.account(account)
        problems = []
        if found.cloud and found.cloud != cloud:
            fitting = [name for name, other in self.accounts.items() if other.cloud == cloud]
            hint = f"accounts on {cloud}: {', '.join(fitting)}" if fitting else f"use cloud: {found.cloud}"
            message = f"account '{account}' is on {found.cloud}, and the cell is on {cloud}"
            problems.append(Problem(message=message, field="spec.account", hint=hint))
        elif found.regions and region not in found.regions:
            problems.append(
                Problem(
                    message=f"account '{account}' is not used in {region}",
                    field="spec.region",
                    hint=f"its regions are {', '.join(found.regions)}",
                )
            )
        return problems


def refuse_sandbox(account: str) -> None:
    """Raise GuardError if `account` is the sandbox: for callers that were told to accept real accounts only."""
    if account == SANDBOX:
        reason = "this is a cell of the sandbox, and CELLCTL_REQUIRE_REAL=1 accepts real accounts only"
        remedy = "name a real account in the cell file, or unset CELLCTL_REQUIRE_REAL"
        raise GuardError([Objection(code="sandbox_refused", reason=reason, remedy=remedy)])


def _which(names: tuple[str, ...], word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"add it to cellctl.yaml, or use one of: {', '.join(names)}"
