"""Which stack a run is about, and everything the engine must be told of it. Pure but for reading the stack's state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from cellctl import guard
from cellctl.clouds import AccountFacts, Level
from cellctl.engine.workspace import Backend, Workspaces, file_backend, recorded, stack_name
from cellctl.errors import GuardError, UsageError
from cellctl.facts.conditions import at
from cellctl.run import frozen, registering, siting
from cellctl.run.born import ZONES, born_of, zones_of
from cellctl.spec.advice import advice
from cellctl.spec.pending import refuse_pending
from cellctl.spec.reef_rules import refuse_pending_reef
from cellctl.state.backend import FileBackend, Loaded
from cellctl.state.checkpoint import Checkpoint, digest
from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct, Value
from cellctl.versions import TEMPLATE, versions

if TYPE_CHECKING:
    from cellctl.home import Account, Home
    from cellctl.run.options import RunOptions
    from cellctl.spec import CellSpec
    from cellctl.spec.account import AccountSpec
    from cellctl.spec.reef import ReefSpec

    AnySpec: TypeAlias = CellSpec | ReefSpec | AccountSpec

REEF, ACCOUNT = "reef/", "account/"
RECORD = "cellctl"
NODES = ":Nodes$"  # in the URN of whatever the component that holds a cell's nodes declares
ADMINISTRATOR = "cellctl:octopus:Administrator"
NODE = "cellctl:octopus:Node"
_SANDBOX_SUBSCRIPTION = "00000000-0000-4000-8000-000000000000"
_SANDBOX_TENANT = "00000000-0000-4000-8000-0000000000ff"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One cell of one home (`name` is `acme`), one reef (`reef/r1`) or one account (`account/prod`).

    `spec` is its JSON, `{}` where only the stack is known and it holds no record. `made_by` is what the stack records
    of its maker, `born` the template of its first one, `private_zones` the group whose zones it links. `place` is what
    a cell on a reef has there, `{}` where it is dedicated or has none yet; `site` what the stack found in the account,
    likewise. `advice` is what the file may say and had better not. `looking`: nothing is to be changed.
    """

    home: Home
    name: str
    cloud: str
    account: Account
    region: str
    spec: Struct
    spec_digest: str
    incarnation: int
    engine: str
    advice: tuple[str, ...] = ()
    place: Struct = field(default_factory=dict)
    site: Struct = field(default_factory=dict)
    made_by: Mapping[str, str] = field(default_factory=dict)
    born: int = TEMPLATE
    private_zones: str = ""
    looking: bool = False

    @property
    def roles(self) -> tuple[str, str] | tuple[()]:
        """The role that changes and the one that looks, empty unless this run looks as the second."""
        changes, looks = self.account.apply_role, self.account.looks_as
        apart = self.looking and self.level != "account" and changes and changes != looks
        return (changes, looks) if apart else ()

    @property
    def level(self) -> Level:
        """What the stack is."""
        return "reef" if self.name.startswith(REEF) else "account" if self.name.startswith(ACCOUNT) else "cell"

    @property
    def reef(self) -> str:
        """Name of the reef that the cell is to be on, `` for any other stack."""
        placement = at(self.spec, "spec.placement")
        return str(placement.get("reef") or "") if isinstance(placement, dict) else ""

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return stack_name(self.name).stack

    @property
    def workspaces(self) -> Workspaces:
        """The home's workspaces."""
        return Workspaces(self.home.root)

    @property
    def backend(self) -> Backend:
        """Where its state is; that of an account is here, because it makes the place where the others are."""
        if not self.account.state or self.level == "account":
            return self.workspaces.local
        return Backend(url=self.account.state, secrets_provider=self.account.secrets or "passphrase")

    @property
    def files(self) -> FileBackend | None:
        """The file backend of the state, None if it is elsewhere."""
        return file_backend(self.backend)

    def load(self) -> Loaded | None:
        """Return the checkpoint, None if there is no stack or it cannot be read as a file."""
        files = self.files
        if files is None or not files.exists(stack_name(self.name)):
            return None
        return files.read(stack_name(self.name))

    def facts(self) -> AccountFacts:
        """Return what a program is told of the account."""
        account = self.account
        azure = self.cloud == "azure" and account.simulated
        return AccountFacts(
            id=_SANDBOX_SUBSCRIPTION if azure else account.id,
            tenant=_SANDBOX_TENANT if azure else account.tenant,
            role=self._role(),
            changes_as=account.apply_role,
            administrators=account.administrators,
            principal=account.principal,
            sql_identity=account.sql_identity,
            queue_role=account.queue_role,
            control_cidr=account.control_cidr or AccountFacts(id="").control_cidr,
            born=self.born,
            private_zones=self.private_zones,
            logs=self._logs(),
            sandbox=account.simulated,
        )

    def _logs(self) -> str:
        """Return where access logs go: as cellctl.yaml says it; of the sandbox as the base of its account does."""
        if self.level == "account" or not self.account.simulated:
            return self.account.logs
        return self._of_base("logs") if self.cloud == "aws" else ""

    def account_zones(self) -> str:
        """Return which group's private zones a stack that is made now links; of the sandbox as its base says it."""
        if self.level == "account" or self.cloud != "azure":
            return ""
        return self._of_base(ZONES) if self.account.simulated else self.account.private_zones

    def _of_base(self, output: str) -> str:
        """Return what the sandbox's own base says, `` where it has none."""
        base = stack_name(f"{ACCOUNT}{self.account.name}")
        files = file_backend(self.workspaces.local)
        if files is None or not files.exists(base):
            return ""
        return str(outputs_of(files.read(base).checkpoint).get(output) or "")

    def _role(self) -> str:
        if self.level == "account":
            return ""  # its roles are what it makes
        return self.account.looks_as if self.looking else self.account.apply_role

    def record(self) -> Struct:
        """Return what is stored in the stack, so that `down` works without the file and upgrades know the maker."""
        level: Struct = {"level": self.level} if self.level != "cell" else {}
        place: Struct = {"place": self.place} if self.place else {}
        site: Struct = {"site": self.site} if self.site else {}
        zones: Struct = {ZONES: self.private_zones} if self.private_zones else {}
        return {
            **level,
            **place,
            **site,
            **zones,
            "cell": self.name,
            "cloud": self.cloud,
            "account": self.account.name,
            "region": self.region,
            "incarnation": self.incarnation,
            "born": self.born,
            "spec": self.spec,
            "specDigest": self.spec_digest,
            "versions": _struct(versions(self.cloud)),
        }

    def config(self) -> Struct:
        """Return the stack's config: the record, so that it is there before the first `up` has ended."""
        return {"cell": json.dumps(self.record(), sort_keys=True)} if self.spec else {}


def of_spec(home: Home, spec: AnySpec, options: RunOptions) -> Target:
    """Return the target of a cell file, reef file or account.

    Raises:
        SpecError: Its account, cloud and region do not fit `cellctl.yaml`.
        NotYet: It asks for what a later version brings; all of it is listed.
        GuardError: The cell exists elsewhere: cloud, account and region are frozen.
    """
    home.check(spec)
    name, unwise = spec.metadata.name, tuple[str, ...]()
    if spec.kind == "Account":
        name = f"{ACCOUNT}{name}"
    elif spec.kind == "Reef":
        refuse_pending_reef(spec)
        name = f"{REEF}{name}"
    else:
        refuse_pending(spec)
        unwise = advice(spec)
    account = home.account(spec.spec.account)
    spec_json = _struct(spec.to_json())
    incarnation, unasked = registering.known_incarnation(home, account, name)
    before = record_of(home, name)
    target = Target(
        home=home,
        name=name,
        cloud=spec.spec.cloud,
        account=account,
        region=spec.spec.region,
        spec=spec_json,
        spec_digest=spec.digest(),
        incarnation=incarnation,
        engine=engine_of(account, options),
        advice=(*unwise, *([unasked] if unasked else ())),
        place=_part(before, "place"),
        site=siting.still_wanted(_part(before, "site"), spec_json),
        made_by=made_by(before),
    )
    if target.files is None:
        zones = zones_of(before) if before else target.account_zones()
        return replace(target, born=born_of(before), private_zones=zones)
    loaded = target.load()
    refuse_move(target, before, loaded)
    exists = loaded is not None and bool(loaded.checkpoint.resources or loaded.checkpoint.pending)
    if not exists:
        return replace(target, born=TEMPLATE, private_zones=target.account_zones())
    return replace(target, born=born_of(before), private_zones=zones_of(before))


def of_stack(home: Home, name: str, options: RunOptions) -> Target:
    """Return the target of a stack alone; its file may be gone.

    Raises:
        UsageError: There is no such stack, or nothing says in which account it is.
    """
    record = record_of(home, name) or _record_of_file(home, name)
    if not record:
        level, _, short = name.rpartition("/")
        hint = "`cellctl reef status` lists what there is" if level else "`cellctl cells` lists what there is"
        raise UsageError(f"there is no {level or 'cell'} '{short}' here", hint=hint, code="no_stack")
    account = home.account(str(record.get("account")))
    spec, incarnation = record.get("spec"), record.get("incarnation")
    return Target(
        home=home,
        name=name,
        cloud=str(record.get("cloud")),
        account=account,
        region=str(record.get("region")),
        spec=spec if isinstance(spec, dict) else {},
        spec_digest=str(record.get("specDigest") or ""),
        incarnation=incarnation if isinstance(incarnation, int) else home.incarnation(name),
        engine=engine_of(account, options),
        place=_part(record, "place"),
        site=_part(record, "site"),
        made_by=made_by(record),
        born=born_of(record),
        private_zones=zones_of(record),
    )


def record_of(home: Home, name: str) -> Struct:
    """Return what a cell's stack records: from its outputs, else (first `up` not ended) from its config."""
    spaces = Workspaces(home.root)
    files = file_backend(spaces.local)
    stack = stack_name(name)
    if files is not None and files.exists(stack):
        found = outputs_of(files.read(stack).checkpoint).get(RECORD)
        if isinstance(found, dict) and found.get("cloud"):
            return found
    return recorded(spaces.folder(stack.stack) / f"Pulumi.{stack.stack}.yaml")


def _part(record: Struct, key: str) -> Struct:
    found = record.get(key)
    return found if isinstance(found, dict) else {}


def made_by(record: Struct) -> dict[str, str]:
    """Return the versions of what made the stack with this record."""
    found = record.get("versions")
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _record_of_file(home: Home, name: str) -> Struct:
    """Return what the file of a cell or reef says, for a stack whose state is elsewhere and never run from here."""
    from cellctl.spec import load
    from cellctl.spec.reef_file import load_reef

    level, _, short = name.rpartition("/")
    file = home.reef_file(short) if level else home.cell_file(short)
    if level not in ("", "reef") or not file.exists():
        return {}
    body = load_reef(file).spec if level else load(file).spec
    if not home.account(body.account).state:
        return {}
    return {"cloud": body.cloud, "account": body.account, "region": body.region}


def outputs_of(checkpoint: Checkpoint) -> Struct:
    """Return the stack's outputs, secrets sealed."""
    root = checkpoint.root
    return dict(root.outputs) if root else {}


def engine_of(account: Account, options: RunOptions) -> str:
    """Return the engine for an account: the real CLI for a real one."""
    if options.engine and options.engine != "auto":
        if not account.simulated and options.engine != "pulumi":
            raise UsageError(f"account '{account.name}' is real and needs the Pulumi CLI", hint="--engine pulumi")
        return options.engine
    return "embedded" if account.simulated else "pulumi"


def living(checkpoint: Checkpoint | None) -> tuple[ResourceState, ...]:
    """Return the resources that stand for something in a cloud: no components, no providers."""
    rows = checkpoint.resources if checkpoint else ()
    return tuple(row for row in rows if row.custom and not row.is_provider and not row.delete)


def checkpoint_digest(loaded: Loaded | None) -> str:
    """Return the digest of a state, `` where there is none."""
    return digest(loaded.checkpoint) if loaded else ""


def refuse_move(target: Target, before: Struct, loaded: Loaded | None) -> None:
    """Refuse what an existing cell cannot become. `before` is the record of its stack, `loaded` its state.

    Raises:
        GuardError: Another cloud, account or region, or what running nodes would never take.
    """
    checkpoint = loaded.checkpoint if loaded else None
    exists = checkpoint is not None and bool(living(checkpoint) or checkpoint.pending)
    case = guard.Case(
        recorded=frozen.recorded(before) if before and exists else {},
        wanted={
            "cloud": target.cloud,
            "account": target.account.name,
            "region": target.region,
            **frozen.words(target.spec),
        },
    )
    objections = (
        *guard.frozen_fields(None, case),
        *guard.running_nodes(running_case(target, before, checkpoint)),
        *guard.shared_balancers(_reef_case(target, before) if exists else guard.Case()),
    )
    if objections:
        raise GuardError(objections)


def running_case(target: Target, before: Struct, checkpoint: Checkpoint | None) -> guard.Case:
    """Return what `guard.running_nodes` must know; nothing where no node runs."""
    record, wanted = before.get("spec"), target.spec.get("spec")
    recorded = record.get("spec") if isinstance(record, dict) else None
    rows = living(checkpoint)
    nodes = [row for row in rows if NODES in row.urn and row.id]
    if not nodes or not isinstance(recorded, dict) or not isinstance(wanted, dict):
        return guard.Case()
    limits = [row.outputs.get("nodeLimit") for row in rows if row.type == ADMINISTRATOR]
    limit = next((int(one) for one in limits if isinstance(one, int | float)), 0)
    return guard.Case(recorded_spec=recorded, wanted_spec=wanted, node_limit=limit)


def _reef_case(target: Target, before: Struct) -> guard.Case:
    """Return what `guard.shared_balancers` must know; nothing where the target is no reef."""
    recorded, wanted = at(before, "spec.spec"), target.spec.get("spec")
    if target.level != "reef" or not isinstance(recorded, dict) or not isinstance(wanted, dict):
        return guard.Case()
    return guard.Case(recorded_spec=recorded, wanted_spec=wanted)


def _struct(body: Mapping[str, object]) -> Struct:
    value: Value = json.loads(json.dumps(body))
    assert isinstance(value, dict)
    return value
