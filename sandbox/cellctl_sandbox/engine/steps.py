"""Steps, and the pure decisions that lead to them: (old, new, diff, options) -> steps. Nothing here has effects.

Source of the rules: reference/engine.md 3; each is a case in tests/engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cellctl.state.resources import ResourceState
from cellctl.state.values import UNKNOWN, Struct, Value, bare, bare_struct, contains_unknown, is_secret
from cellctl_provider.protocol import Diffed, DiffKind, PropertyDiff
from cellctl_sandbox.engine import paths


class Op(StrEnum):
    """What a step does, as events spell it."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    CREATE_REPLACEMENT = "create-replacement"
    DELETE_REPLACED = "delete-replaced"
    READ = "read"
    READ_REPLACEMENT = "read-replacement"
    DISCARD = "discard"
    DISCARD_REPLACED = "discard-replaced"
    REFRESH = "refresh"
    REMOVE_PENDING_REPLACE = "remove-pending-replace"
    IMPORT = "import"
    IMPORT_REPLACEMENT = "import-replacement"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of an operation.

    `keys` made a replacement necessary, `diffs` are the changed top-level keys, `detailed` is None without detail.
    `pending_delete` (create-replacement, read-replacement): the old copy is deleted at the end of the operation.
    `pending_replacement` (delete-replaced): deleted first, its replacement is still to come. `skipped` (same): the
    resource is not made by this operation, and what it would give is unknown.
    """

    op: Op
    urn: str
    old: ResourceState | None = None
    new: ResourceState | None = None
    keys: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    detailed: Mapping[str, PropertyDiff] | None = None
    stables: tuple[str, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    pending_delete: bool = False
    pending_replacement: bool = False
    seed: bytes = b""
    skipped: bool = False

    @property
    def state(self) -> ResourceState:
        """The resource the step is about: the new one if there is one."""
        state = self.new or self.old
        assert state is not None, "a step has an old or a new state"
        return state

    @property
    def logical(self) -> bool:
        """Whether a reader counts this step: not the physical halves of a replacement, nor refresh."""
        return self.op not in _PHYSICAL


_PHYSICAL = frozenset(
    {
        Op.CREATE_REPLACEMENT,
        Op.DELETE_REPLACED,
        Op.READ_REPLACEMENT,
        Op.DISCARD_REPLACED,
        Op.IMPORT_REPLACEMENT,
        Op.REFRESH,
        Op.REMOVE_PENDING_REPLACE,
    }
)
REPLACING_KINDS: Mapping[str, DiffKind] = {
    "add": "add-replace",
    "delete": "delete-replace",
    "update": "update-replace",
}


INIT_ERROR = "#initerror"


# ---- diffs ----
def replaces(diff: Diffed) -> bool:
    """Tell whether a diff asks for a replacement, by keys or by the kinds of its details."""
    return bool(diff.replaces) or any(item.kind.endswith("-replace") for item in (diff.detailed or {}).values())


def by_inputs(old_inputs: Struct, new_inputs: Struct) -> Diffed:
    """Return the diff of two inputs, for providers that cannot tell; that a value became secret is none."""
    found = paths.differences(bare_struct(old_inputs), bare_struct(new_inputs))
    if not found:
        return Diffed(changes="none")
    return Diffed(changes="some", diffs=paths.top_keys(found), detailed=paths.rendered(found))


def with_replace_on_changes(diff: Diffed, patterns: Sequence[str], *, init_errors: bool) -> Diffed:
    """Return the diff with changes under `patterns` made replacing.

    A resource that never became ready has a change at `#initerror`.

    Raises:
        BadPath: A pattern cannot be parsed.
    """
    if not patterns or (diff.changes != "some" and not init_errors):
        return diff
    parsed = [paths.parse(pattern) for pattern in patterns]

    def hit(path: str) -> bool:
        return any(paths.contains(pattern, paths.parse(path)) for pattern in parsed)

    detailed: dict[str, PropertyDiff] | None = None
    if diff.detailed is not None:
        detailed = {path: _replacing(item) if hit(path) else item for path, item in diff.detailed.items()}
    keys = [*diff.replaces, *(key for key in diff.diffs if key not in diff.replaces and hit(key))]
    if not init_errors or not hit(INIT_ERROR):
        return replace(diff, replaces=tuple(keys), detailed=detailed)
    if detailed is not None:
        detailed[INIT_ERROR] = PropertyDiff(kind="update-replace", input_diff=False)
    return replace(diff, changes="some", replaces=(*keys, INIT_ERROR), detailed=detailed)


def _replacing(item: PropertyDiff) -> PropertyDiff:
    return replace(item, kind=REPLACING_KINDS.get(item.kind, item.kind))


def of_component(old_inputs: Struct, new_inputs: Struct) -> Diffed:
    """Return the diff of a component's inputs: whether there is one, for nobody asks more of it."""
    return Diffed(changes="none" if old_inputs == new_inputs else "some")


def triggers(old: Value, new: Value) -> bool:
    """Tell whether a replacement trigger asks for a replacement: it changed, or may have; none is no trigger.

    A secret of the old state is none, because the CLI compares before it has decrypted (3.260, measured).
    """
    if contains_unknown(old) or contains_unknown(new):
        return True
    old, new = without_secrets(old), bare(new)
    return None not in (old, new) and old != new


def without_secrets(value: Value) -> Value:
    """Return a value with None for every secret in it."""
    if is_secret(value):
        return None
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items()}
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


# ---- steps for one registration ----
def update_steps(old: ResourceState, new: ResourceState, diff: Diffed, ignore: Sequence[str]) -> list[Step]:
    """Return the update in place."""
    return [
        Step(
            op=Op.UPDATE,
            urn=new.urn,
            old=old,
            new=new,
            diffs=diff.diffs,
            detailed=diff.detailed,
            stables=diff.stables,
            ignore_changes=tuple(ignore),
        )
    ]


def create_first_steps(old: ResourceState, new: ResourceState, diff: Diffed) -> list[Step]:
    """Return a replacement that creates first; the old copy is deleted when all else is done."""
    creation = Step(
        op=Op.CREATE_REPLACEMENT,
        urn=new.urn,
        old=old,
        new=new,
        keys=diff.replaces,
        diffs=diff.diffs,
        detailed=diff.detailed,
        pending_delete=True,
    )
    return [creation, replace(creation, op=Op.REPLACE)]


def delete_first_steps(old: ResourceState, new: ResourceState, diff: Diffed) -> list[Step]:
    """Return a replacement that deletes first; without the deletion if an earlier operation did it already."""
    creation = Step(
        op=Op.CREATE_REPLACEMENT,
        urn=new.urn,
        old=old,
        new=new,
        keys=diff.replaces,
        diffs=diff.diffs,
        detailed=diff.detailed,
    )
    deletion = [] if old.pending_replacement else [deletion_step(old, pending_replacement=True)]
    return [*deletion, replace(creation, op=Op.REPLACE), creation]


def recreation_steps(old: ResourceState, new: ResourceState, keys: Sequence[str]) -> list[Step]:
    """Return the second half of a replacement whose first half was deleted because of something it depends on."""
    creation = Step(op=Op.CREATE_REPLACEMENT, urn=new.urn, old=old, new=new, keys=tuple(keys))
    return [replace(creation, op=Op.REPLACE, keys=()), creation]


def deletion_step(old: ResourceState, *, pending_replacement: bool = False, replaced: bool = False) -> Step:
    """Return the step that removes `old`; an external resource is only discarded."""
    if replaced or pending_replacement:
        op = Op.DISCARD_REPLACED if old.external else Op.DELETE_REPLACED
    else:
        op = Op.DISCARD if old.external else Op.DELETE
    return Step(op=op, urn=old.urn, old=old, pending_replacement=pending_replacement)


def as_failed(step: Step) -> Step:
    """Return a failed step as it is told: an update with the id of its object, an import without what it replaces."""
    if step.op is Op.IMPORT_REPLACEMENT:
        return replace(step, old=None)
    if step.op is not Op.UPDATE or step.old is None or step.new is None:
        return step
    return replace(step, new=replace(step.new, id=step.old.id))


# ---- order ----
def dependents(resources: Iterable[ResourceState], root: ResourceState) -> list[ResourceState]:
    """Return the living resources that depend on `root`, directly or not, in the order of the state."""
    reached = {root.urn}
    found = []
    for item in resources:
        if item.delete or item.urn == root.urn:
            continue
        direct = set(item.dependencies) | {item.provider.rpartition("::")[0], item.deleted_with}
        for urns in item.property_dependencies.values():
            direct.update(urns)
        if direct & reached:
            reached.add(item.urn)
            found.append(item)
    return found


def with_unknown(resource: ResourceState, replaced: frozenset[str]) -> Struct | None:
    """Return the inputs with those unknown that come from a resource in `replaced`; None if none does."""
    hit = {key for key, urns in resource.property_dependencies.items() if replaced & set(urns)}
    if not hit & resource.inputs.keys():
        return None
    return {key: UNKNOWN if key in hit else value for key, value in resource.inputs.items()}
