"""What is known of cells without asking a cloud: stacks, leases and runs of a home."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from cellctl.engine.workspace import Workspaces, file_backend, stack_name
from cellctl.errors import CellctlError, UsageError
from cellctl.leases import Lease, SqliteLeases
from cellctl.plan import SECRET_TEXT
from cellctl.run.finding import find
from cellctl.run.knowledge import FactsOfTypes
from cellctl.run.options import RunOptions
from cellctl.run.registering import current_lease
from cellctl.run.target import NODE, RECORD, Target, living, of_stack, outputs_of, record_of
from cellctl.state.backend import Loaded
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.sealing import KeyFile, PassphraseSealer, Vault
from cellctl.state.values import Struct, bare, contains_secret

if TYPE_CHECKING:
    from cellctl.home import Home, RunRecord
    from cellctl.registry.points import RestorePoint
    from cellctl.spec import CellSpec
    from cellctl.state.values import Value

CellState = Literal["absent", "up", "partial", "changing", "data_only"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeStatus:
    """What the last run or refresh saw of one node: `state` is `active`, `web only`, `draining` or `offline`."""

    name: str
    version: str
    task_cap: int
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CellStatus:
    """What a home knows of one cell.

    `state`: `absent` (no resources), `up` (the last run that changed it succeeded), `partial` (it did not, or
    operations are pending), `changing` (a lease is held now), `data_only` (after `down --keep-data`). `pending`: URNs
    of operations that a crash left. `changed_at`: unix seconds of the last write of its state. `holder`: who holds the
    lease, in words. `file`: whether there is a cell file; `file_differs`: whether it says something else than what
    runs. `nodes`: as the last run or refresh left them. `restore_points`: to which moments it can be brought back, as
    the registry has them; not in a list of cells. `warnings`: e.g. that the state was read from its backup.
    """

    name: str
    cloud: str
    account: str
    region: str
    state: CellState
    resources: int = 0
    pending: tuple[str, ...] = ()
    changed_at: float | None = None
    last_run: str = ""
    last_result: str = ""
    holder: str = ""
    url: str = ""
    version: str = ""
    file: bool = True
    file_differs: bool = False
    unprotected: tuple[str, ...] = ()
    nodes: tuple[NodeStatus, ...] = ()
    restore_points: tuple[RestorePoint, ...] = ()
    warnings: tuple[str, ...] = ()


def outputs(
    home: Home, name: str, *, options: RunOptions | None = None, show_secrets: bool = False
) -> Mapping[str, Value]:
    """Return a stack's outputs; secrets read `[secret]` unless `show_secrets`."""
    loaded = load(home, name, options or RunOptions())
    if loaded is None:
        raise UsageError(f"cell '{name}' has no stack here", hint=f"cellctl up {name}", code="no_stack")
    if not show_secrets:
        return masked(loaded.checkpoint)
    vault = _vault(home, loaded.checkpoint, (options or RunOptions()).passphrase(stack_name(name).stack))
    opened = vault.open_struct(outputs_of(loaded.checkpoint), "outputs")
    return {key: bare(value) for key, value in opened.items() if key != RECORD}


def masked(checkpoint: Checkpoint) -> Struct:
    """Return the outputs in a checkpoint, each that holds a secret as `[secret]`."""
    found = outputs_of(checkpoint)
    return {key: SECRET_TEXT if contains_secret(value) else value for key, value in found.items() if key != RECORD}


def _vault(home: Home, checkpoint: Checkpoint, passphrase: str) -> Vault:
    if checkpoint.secrets_kind not in ("", "passphrase"):
        raise UsageError(
            f"secrets of this stack are sealed by {checkpoint.secrets_kind}", hint="pulumi stack output --show-secrets"
        )
    salt = str(checkpoint.secrets_state.get("salt") or "")
    if passphrase:
        return Vault(PassphraseSealer(passphrase, salt))
    key_file = Workspaces(home.root).key_file
    try:
        passphrase = key_file.read_text(encoding="utf-8")
    except OSError:
        raise UsageError("the key file of this home is gone", hint=".cellctl/pulumi/key", code="no_key") from None
    return Vault(PassphraseSealer(passphrase, salt, KeyFile.beside(key_file)))


def status(home: Home, name: str, spec: CellSpec | None, *, options: RunOptions | None = None) -> CellStatus:
    """Return the status of one cell."""
    found = _known(home, name, spec, options)
    try:
        return replace(found, restore_points=_points(home, found))
    except CellctlError as error:
        told = () if error.summary in found.warnings else (error.summary,)
        return replace(found, warnings=(*found.warnings, *told))


def _points(home: Home, found: CellStatus) -> tuple[RestorePoint, ...]:
    from cellctl.run import restoring

    if not found.account or not (home.settings.registry or home.registry_file.exists()):
        return ()
    return restoring.listed(home, found.name, account=found.account)


def _known(home: Home, name: str, spec: CellSpec | None, options: RunOptions | None) -> CellStatus:
    try:
        loaded, damaged = load(home, name, options or RunOptions()), ""
    except CellctlError as error:
        loaded, damaged = None, error.summary
    record, last = _record(home, name, loaded) if not damaged else {}, _last_run(home, name)
    body = spec.spec if spec is not None else None
    lease, unasked = _lease(home, body.account if body else str(record.get("account") or ""), name, options)
    checkpoint = loaded.checkpoint if loaded else None
    warnings = [text for text in (damaged, unasked) if text]
    if loaded and loaded.recovered:
        warnings.append(str(loaded.recovered))
    return CellStatus(
        name=name,
        cloud=body.cloud if body else str(record.get("cloud") or ""),
        account=body.account if body else str(record.get("account") or ""),
        region=body.region if body else str(record.get("region") or ""),
        state="changing" if lease else _state(checkpoint, last),
        resources=len(living(checkpoint)),
        pending=tuple(item.resource.urn for item in checkpoint.pending) if checkpoint else (),
        changed_at=_seconds(checkpoint.time) if checkpoint else None,
        last_run=last.id if last else "",
        last_result=last.result if last else "",
        holder=lease.holder.words() if lease else "",
        url=str(masked(checkpoint).get("url") or "") if checkpoint else "",
        version=_octopus_version(record),
        file=spec is not None,
        file_differs=bool(spec is not None and checkpoint and record and record.get("specDigest") != spec.digest()),
        unprotected=_unprotected(checkpoint),
        nodes=_nodes(checkpoint),
        warnings=tuple(warnings),
    )


def _lease(home: Home, account: str, name: str, options: RunOptions | None) -> tuple[Lease | None, str]:
    """Return the lease in force, and why it could not be asked for; those beside a cloud's states are not asked for."""
    try:
        shared = bool(home.settings.registry) and bool(account)
    except CellctlError:
        shared = False
    if not shared:
        return (SqliteLeases(home.database).current(name) if home.database.exists() else None), ""
    try:
        return current_lease(
            home, home.account(account), name, environment=options.environment if options else None
        ), ""
    except CellctlError as error:
        return None, error.summary


def cells(home: Home, *, options: RunOptions | None = None) -> list[CellStatus]:
    """Return the status of every cell with a file or a stack, by name; a file that is wrong is a warning."""
    return [_listed(home, name, options) for name in sorted({*home.cell_names(), *home.stack_names()})]


def _listed(home: Home, name: str, options: RunOptions | None) -> CellStatus:
    try:
        spec = find(name, home)[1]
    except CellctlError as error:
        found = _known(home, name, None, options)
        return replace(found, file=True, warnings=(*found.warnings, f"its file is wrong: {error.summary}"))
    return _known(home, name, spec, options)


def _state(checkpoint: Checkpoint | None, last: RunRecord | None) -> CellState:
    if not living(checkpoint):
        return "absent"
    assert checkpoint is not None
    if last is not None and last.operation == "down" and last.result == "succeeded":
        return "data_only"
    ended = last is None or last.result in ("succeeded", "nothing", "refused")
    return "up" if ended and not checkpoint.pending else "partial"


def _unprotected(checkpoint: Checkpoint | None) -> tuple[str, ...]:
    """Return stateful resources that have lost their protection: what a crash between two phases leaves."""
    facts = FactsOfTypes()
    return tuple(row.urn for row in living(checkpoint) if not row.protect and facts.stateful(row.type))


def _nodes(checkpoint: Checkpoint | None) -> tuple[NodeStatus, ...]:
    rows = [row.outputs for row in living(checkpoint) if row.type == NODE]
    found = [
        NodeStatus(
            name=str(row.get("nodeName") or ""),
            version=str(row.get("version") or ""),
            task_cap=int(cap) if isinstance(cap := row.get("taskCap"), int | float) else 0,
            state=str(row.get("state") or ""),
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda node: (len(node.name), node.name)))


def _last_run(home: Home, name: str) -> RunRecord | None:
    if not home.database.exists():
        return None
    runs = [run for run in home.runs(name, limit=50) if run.operation != "preview"]
    decided = [run for run in runs if run.result not in ("nothing", "refused")]
    return next(iter(decided or runs), None)


def load(home: Home, name: str, options: RunOptions) -> Loaded | None:
    """Return the state: from its file, or asked of the CLI where it is in no folder of this machine."""
    try:
        target = of_stack(home, name, options)
    except UsageError:  # its account is not in cellctl.yaml, or nothing says which it is: what is here is shown
        files = file_backend(Workspaces(home.root).local)
        return files.read(stack_name(name)) if files and files.exists(stack_name(name)) else None
    return target.load() if target.files is not None else _elsewhere(target, options)


def _elsewhere(target: Target, options: RunOptions) -> Loaded | None:
    from cellctl.engine.elsewhere import deployment
    from cellctl.run import identity
    from cellctl.run.session import of_export

    spaces = Workspaces(target.home.root, passphrase=options.passphrase(target.stack))
    folder = spaces.folder(target.stack)
    if not folder.exists():
        spaces.prepare(target.stack, {})
    environment = {**identity.ambient(options.environment, simulated=False), **spaces.environment(target.backend)}
    return of_export(deployment(target.stack, folder, environment), target.name)


def _record(home: Home, name: str, loaded: Loaded | None) -> Struct:
    """Return what the stack says of its cell: a state that is elsewhere knows better than this machine."""
    found = outputs_of(loaded.checkpoint).get(RECORD) if loaded else None
    return found if isinstance(found, dict) and found.get("cloud") else record_of(home, name)


def _octopus_version(record: Struct) -> str:
    value: Value = record.get("spec")
    for key in ("spec", "octopus", "version"):
        value = value.get(key) if isinstance(value, dict) else None
    return str(value or "")


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()
    except ValueError:
        return None
