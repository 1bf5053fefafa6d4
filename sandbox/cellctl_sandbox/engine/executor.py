"""Performing one step: its events, its journal entries, and the provider call between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cellctl.state.checkpoint import now_text
from cellctl.state.resources import PendingKind, ResourceState
from cellctl.state.values import Struct, contains_secret, is_secret, secret
from cellctl_provider.probes import Moment, Place
from cellctl_provider.protocol import Create, Delete, Found, InitFailed, Provider, ProviderError, Read, Update
from cellctl_sandbox.engine.errors import StepFailed, UnsupportedFeature, crashed
from cellctl_sandbox.engine.importing import imported
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step
from cellctl_sandbox.engine.wire import assets_by_hash

_PENDING: dict[Op, PendingKind] = {
    Op.CREATE: "creating",
    Op.CREATE_REPLACEMENT: "creating",
    Op.UPDATE: "updating",
    Op.DELETE: "deleting",
    Op.DELETE_REPLACED: "deleting",
    Op.READ: "reading",
    Op.READ_REPLACEMENT: "reading",
    Op.IMPORT: "importing",
    Op.IMPORT_REPLACEMENT: "importing",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What a step led to; see `Journal.commit`. `unready` are the reasons why an object is not ready."""

    new: ResourceState | None = None
    gone: tuple[ResourceState, ...] = ()
    kept: ResourceState | None = None
    lazily: bool = False
    unready: tuple[str, ...] = ()


class Executor:
    """Performs steps, from many threads at once."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def perform(self, step: Step) -> ResourceState | None:
        """Perform a step and return the state of its resource, None if that is gone.

        Raises:
            StepFailed: It failed; events are written and the journal knows.
        """
        scope = self._scope
        if step.op is Op.REPLACE:
            return self._replaced(step)
        scope.log.began(step)
        subject = step.state
        kind = None if subject.type.startswith("pulumi:pulumi:") else _PENDING.get(step.op)
        try:
            if kind and subject.custom and not scope.planning:
                scope.journal.begin(kind, subject)
                self.observe("before_call", step)
            done = self._do(step)
            if kind and subject.custom and not scope.planning:
                self.observe("after_call", step)
        except (ProviderError, StepFailed) as error:
            if not (kind == "creating" and _unanswered(error)):
                scope.journal.abandon(subject)
            scope.log.failed(_with_old_id(step))
            raise StepFailed(str(error), urn=step.urn) from error
        except UnsupportedFeature:
            scope.journal.abandon(subject)
            scope.log.failed(step)
            raise
        except Exception as error:  # a fault of the provider; its text is not ours to show
            scope.journal.abandon(subject)
            scope.log.failed(_with_old_id(step))
            raise crashed(step.urn, error) from error
        return self._record(step, done, subject)

    def observe(self, place: Place, step: Step) -> None:
        """Let the operation's probe look."""
        self._scope.probe(Moment(place=place, operation=step.op, urn=step.urn))

    def _replaced(self, step: Step) -> ResourceState | None:
        """Tell of a replacement as a whole: nothing is done here, its halves are steps of their own."""
        if step.pending_delete and step.old is not None:
            old = self._scope.journal.current(step.old.row) or step.old
            step = replace(step, old=old, new=self._scope.made.get(step.urn, step.new))
        self._scope.log.began(step)
        self._scope.log.done(step, step.new)
        return None

    def _record(self, step: Step, done: Done, subject: ResourceState) -> ResourceState | None:
        scope = self._scope
        new = with_secret_outputs(done.new) if done.new else None
        scope.journal.commit(new=new, gone=done.gone, kept=done.kept, pending=subject, lazily=done.lazily)
        if new is not None:
            scope.made[new.urn] = new
        if done.unready:
            scope.log.failed(replace(step, new=new))
            raise StepFailed(reasons_text(done.unready), urn=step.urn)
        if step.pending_delete:
            step = replace(step, old=done.kept)
        if not scope.planning and new is not None and not new.custom:
            scope.log.counted(step)  # its outputs are told when it registers them
        else:
            scope.log.done(step, new)
        return new

    def _do(self, step: Step) -> Done:
        if step.op is Op.SAME:
            return self._same(step)
        if step.op in (Op.CREATE, Op.CREATE_REPLACEMENT):
            return self._create(step)
        if step.op is Op.UPDATE:
            return self._update(step)
        if step.op in (Op.IMPORT, Op.IMPORT_REPLACEMENT):
            return self._import(step)
        if step.op in (Op.READ, Op.READ_REPLACEMENT):
            return self._read(step)
        return self._delete(step)

    # ---- nothing to do ----
    def _same(self, step: Step) -> Done:
        old, new = _both(step)
        new = replace(
            new,
            id=old.id,
            outputs=old.outputs,
            created=old.created,
            modified=old.modified,
            init_errors=old.init_errors,
        )
        if new.is_provider:
            self._scope.registry.configure(new, planning=self._scope.planning)
        return Done(new=new, gone=(old,), lazily=old.to_json() == new.to_json())

    # ---- create and update ----
    def _create(self, step: Step) -> Done:
        new = step.new
        assert new is not None
        unready: tuple[str, ...] = ()
        if new.is_provider:
            id_ = self._scope.registry.configure(new, planning=self._scope.planning)
            new = replace(new, id=id_, outputs=provider_outputs(new.inputs))
        elif new.custom:
            new, unready = self._created(new)
        now = now_text()
        new = replace(new, created=now, modified=now)
        return replace(self._replacing(step), new=new, unready=unready)

    def _created(self, new: ResourceState) -> tuple[ResourceState, tuple[str, ...]]:
        provider = self._provider(new)
        if provider is None:
            return new, ()
        request = Create(
            urn=new.urn,
            properties=new.inputs,
            preview=self._scope.planning,
            timeout_s=new.custom_timeouts.get("create", 0.0),
            type=new.type,
            name=new.name,
        )
        try:
            created = provider.create(request)
        except InitFailed as error:
            state = replace(new, id=error.id, outputs=error.properties, init_errors=error.reasons)
            return replace(state, inputs=error.inputs or new.inputs), error.reasons
        if not created.id and not self._scope.planning:
            raise ProviderError("the provider returned no id for a new object")
        return replace(new, id=created.id, outputs=created.properties), ()

    @staticmethod
    def _replacing(step: Step) -> Done:
        old = step.old
        if old is None:
            return Done()
        if step.pending_delete:
            return Done(kept=replace(old, delete=True))
        return Done(gone=(old,))

    def _update(self, step: Step) -> Done:
        old, new = _both(step)
        new = replace(new, id=old.id, created=old.created, modified=now_text())
        unready: tuple[str, ...] = ()
        if new.is_provider:
            self._scope.registry.configure(new, planning=self._scope.planning)
            new = replace(new, outputs=provider_outputs(new.inputs))
        elif new.custom:
            new, unready = self._updated(old, new, step.ignore_changes)
        else:
            new = replace(new, outputs=old.outputs)
        return Done(new=new, gone=(old,), unready=unready)

    def _updated(
        self, old: ResourceState, new: ResourceState, ignore: tuple[str, ...]
    ) -> tuple[ResourceState, tuple[str, ...]]:
        provider = self._provider(new)
        if provider is None:
            return new, ()
        request = Update(
            urn=new.urn,
            id=old.id,
            olds=_by_hash(old.outputs),
            old_inputs=_by_hash(old.inputs),
            news=new.inputs,
            preview=self._scope.planning,
            timeout_s=new.custom_timeouts.get("update", 0.0),
            ignore_changes=ignore,
            type=new.type,
            name=new.name,
        )
        try:
            updated = provider.update(request)
        except InitFailed as error:
            # The old inputs stay, so that the next run sees the difference again and repeats the update.
            state = replace(new, outputs=error.properties, inputs=old.inputs, init_errors=error.reasons)
            return state, error.reasons
        return replace(new, outputs=updated.properties), ()

    # ---- delete ----
    def _delete(self, step: Step) -> Done:
        old = step.old
        assert old is not None
        if step.op is Op.DELETE and old.protect:
            raise StepFailed(
                f'resource "{old.urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, either '
                "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`, or use the "
                f"command:\n`pulumi state unprotect '{old.urn}'`"
            )
        if step.op is not Op.REMOVE_PENDING_REPLACE and not self._spared(old) and not self._scope.planning:
            provider = self._scope.instance(old.provider).provider
            provider.delete(
                Delete(
                    urn=old.urn,
                    id=old.id,
                    properties=old.outputs,
                    old_inputs=old.inputs,
                    timeout_s=old.custom_timeouts.get("delete", 0.0),
                    type=old.type,
                    name=old.name,
                )
            )
        if step.pending_replacement:
            kept = replace(old, pending_replacement=True)
            self._scope.olds[old.urn] = kept
            return Done(kept=kept)
        return Done(gone=(old,))

    def _spared(self, old: ResourceState) -> bool:
        """Tell whether the cloud is not asked: nothing there, not ours, to be retained, or gone with its holder."""
        if not old.custom or old.is_provider or old.external or old.retain_on_delete or old.pending_replacement:
            return True
        return bool(old.deleted_with) and old.deleted_with in self._scope.decisions.deleted

    # ---- read and import ----
    def _read(self, step: Step) -> Done:
        new = step.new
        assert new is not None
        found = self.look(new, new.inputs, {})
        if found is None:
            raise StepFailed(f"resource '{new.id}' does not exist")
        result = replace(new, inputs={}, outputs=found.properties, id=found.id)
        return replace(self._replacing(step), new=result)

    def look(self, state: ResourceState, outputs: Struct, inputs: Struct) -> Found | None:
        """Read one object; None if it is gone."""
        provider = self._provider(state)
        if provider is None:
            return Found(id=state.id, properties=outputs, inputs=inputs)
        request = Read(urn=state.urn, id=state.id, properties=outputs, inputs=inputs, type=state.type, name=state.name)
        found = provider.read(request)
        return found if found and found.id else None

    def _import(self, step: Step) -> Done:
        new = step.new
        assert new is not None
        provider = self._provider(new)
        if provider is None:
            raise StepFailed("the provider's configuration is not known yet, so nothing can be imported by it")
        new = replace(new, id=new.import_id)
        state, diff = imported(replace(step, new=new), provider, self.look(new, {}, {}))
        if diff.changes == "some":
            message = "inputs to import do not match the existing resource"
            if not self._scope.planning:
                raise StepFailed(message)
            self._scope.log.say("warning", f"{message}; importing this resource will fail", new.urn)
        now = now_text()
        return replace(self._replacing(step), new=replace(state, created=now, modified=now))

    def _provider(self, state: ResourceState) -> Provider | None:
        """Return the provider; None in a preview where its configuration is not known."""
        instance = self._scope.instance(state.provider)
        return instance.provider if instance.known else None


def _unanswered(error: Exception) -> bool:
    """Tell whether nobody knows what the provider did: the operation then stays pending, as after a crash."""
    return isinstance(error, ProviderError) and error.code in ("unreachable", "cancelled")


def _both(step: Step) -> tuple[ResourceState, ResourceState]:
    assert step.old is not None
    assert step.new is not None
    return step.old, step.new


def _with_old_id(step: Step) -> Step:
    """Return a failed update with the id of the object that it was about."""
    if step.op is not Op.UPDATE or step.old is None or step.new is None:
        return step
    return replace(step, new=replace(step.new, id=step.old.id))


def _by_hash(struct: Struct) -> Struct:
    return {key: assets_by_hash(value) for key, value in struct.items()}


def provider_outputs(inputs: Struct) -> Struct:
    """Return a provider resource's outputs: its inputs without the engine's own key."""
    return {key: value for key, value in inputs.items() if key != "__internal"}


def with_secret_outputs(state: ResourceState) -> ResourceState:
    """Return `state` with outputs made secret that the program declared so, or whose input of that name is one."""
    marked = set(state.additional_secret_outputs) | {key for key, item in state.inputs.items() if is_secret(item)}
    if not any(key in marked and not contains_secret(item) for key, item in state.outputs.items()):
        return state
    outputs = {
        key: secret(item) if key in marked and not is_secret(item) else item for key, item in state.outputs.items()
    }
    return replace(state, outputs=outputs)


def reasons_text(reasons: tuple[str, ...]) -> str:
    """Return init errors as one message."""
    count = "1 error" if len(reasons) == 1 else f"{len(reasons)} errors"
    return f"{count} occurred:\n" + "\n".join(f"\t* {reason}" for reason in reasons)
