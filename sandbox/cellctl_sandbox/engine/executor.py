"""Performing one step: its events, its journal entries, and the provider call between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from cellctl.state.checkpoint import now_text
from cellctl.state.resources import PendingKind, ResourceState
from cellctl.state.values import UNKNOWN, Struct
from cellctl_provider.probes import Moment, Place
from cellctl_provider.protocol import Create, Delete, Found, InitFailed, Provider, ProviderError, Read, Update
from cellctl_sandbox.engine.errors import DeletionRefused, StepFailed, UnsupportedFeature, crashed
from cellctl_sandbox.engine.outputs import provider_outputs, reasons_text, with_secret_outputs
from cellctl_sandbox.engine.planner import by_hash
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step, as_failed

T = TypeVar("T")
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
    """What a step led to; see `Journal.commit`.

    `unready` are the reasons why an object is not ready; `hook` is the failure of a hook that ran after the step.
    """

    new: ResourceState | None = None
    old: ResourceState | None = None
    gone: tuple[ResourceState, ...] = ()
    kept: ResourceState | None = None
    lazily: bool = False
    unready: tuple[str, ...] = ()
    hook: StepFailed | None = None


class HookFailed(StepFailed):
    """A step is done, and a hook that ran after it failed; `state` is what the step led to."""

    def __init__(self, error: StepFailed, state: ResourceState | None) -> None:
        super().__init__(error.message, urn=error.urn)
        self.state = state


class Executor:
    """Performs steps, from many threads at once."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def perform(self, step: Step) -> ResourceState | None:
        """Perform a step and return the state of its resource, None if that is gone.

        Raises:
            StepFailed: It failed; events are written and the journal knows.
            HookFailed: It is done, but for a hook that ran after it.
        """
        scope = self._scope
        if step.op is Op.REPLACE:
            return self._replaced(step)
        scope.log.began(replace(step, old=None) if step.op is Op.IMPORT_REPLACEMENT else step)
        self.warn_of_secret_id(step)
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
            scope.log.failed(as_failed(step))
            failure = DeletionRefused if isinstance(error, DeletionRefused) else StepFailed
            raise failure(str(error), urn=step.urn) from error
        except UnsupportedFeature:
            scope.journal.abandon(subject)
            scope.log.failed(step)
            raise
        except Exception as error:  # a fault of the provider; its text is not ours to show
            scope.journal.abandon(subject)
            scope.log.failed(as_failed(step))
            raise crashed(step.urn, error) from error
        return self._record(step, done, subject)

    def warn_of_secret_id(self, step: Step) -> None:
        """Say so where a program asks for a secret id."""
        if step.new is not None and "id" in step.new.additional_secret_outputs:
            self._scope.log.say("warning", "The 'id' property cannot be made secret", step.urn)

    def observe(self, place: Place, step: Step) -> None:
        """Let the operation's probe look."""
        self._scope.probe(Moment(place=place, operation=step.op, urn=step.urn))

    def _replaced(self, step: Step) -> ResourceState | None:
        """Tell of a replacement as a whole: nothing is done here, its halves are steps of their own."""
        if step.pending_delete and step.old is not None:
            old = self._scope.journal.current(step.old.row) or step.old
            step = replace(step, old=old, new=self._scope.made.get(step.urn, step.new))
        self._scope.log.began(step)
        self._told(step, step.new)
        return None

    def _record(self, step: Step, done: Done, subject: ResourceState) -> ResourceState | None:
        scope = self._scope
        new = with_secret_outputs(done.new) if done.new else None
        if not step.skipped:
            scope.journal.commit(new=new, gone=done.gone, kept=done.kept, pending=subject, lazily=done.lazily)
            if new is not None:
                scope.made[new.urn] = new
        if step.pending_delete:
            step = replace(step, old=new if step.op is Op.IMPORT_REPLACEMENT else done.kept)
        if done.unready:
            told = replace(new, inputs=step.new.inputs) if new and step.new else new
            scope.log.failed(replace(step, new=told))
            raise StepFailed(reasons_text(done.unready), urn=step.urn)
        self._told(step, new)
        if done.hook is not None:
            raise HookFailed(done.hook, new)
        return new

    def _told(self, step: Step, new: ResourceState | None) -> None:
        """Tell the end of a step; that of a component is told when it registers its outputs."""
        if self._scope.planning or step.state.custom or step.op is Op.DELETE:
            self._scope.log.done(step, new)
        else:
            self._scope.log.counted(step)

    def _after(self, kind: str, state: ResourceState, done: Done) -> Done:
        """Run the hooks that follow a step; what was done is recorded whatever they say."""
        try:
            self._scope.hooks.run(kind, state, new=done.new, old=None if kind == "AfterCreate" else done.old)
        except StepFailed as error:
            return replace(done, hook=error)
        return done

    def after_outputs(self, step: Step, new: ResourceState) -> None:
        """Run the hooks that follow a component: when its outputs are registered; raises `HookFailed`."""
        kind = {Op.CREATE: "AfterCreate", Op.CREATE_REPLACEMENT: "AfterCreate", Op.UPDATE: "AfterUpdate"}.get(step.op)
        done = self._after(kind, new, Done(new=new, old=step.old)) if kind else Done()
        if done.hook is not None:
            raise HookFailed(done.hook, new)

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
        if step.skipped:
            return Done(new=new)
        new = replace(
            new,
            id=old.id,
            outputs=old.outputs,
            created=old.created,
            modified=old.modified,
        )
        if new.is_provider:  # with the old inputs: a provider may call different ones the same
            self._scope.registry.configure(replace(new, inputs=old.inputs), planning=self._scope.planning)
        return Done(new=new, gone=(old,), lazily=old.to_json() == new.to_json())

    # ---- create and update ----
    def _create(self, step: Step) -> Done:
        new = step.new
        assert new is not None
        self._scope.hooks.run("BeforeCreate", new, new=new, old=None)
        unready: tuple[str, ...] = ()
        if new.is_provider:
            replaces = step.old.id if step.old else ""
            id_ = self._scope.registry.configure(new, replaces=replaces, planning=self._scope.planning)
            new = replace(new, id=id_, outputs=provider_outputs(new.inputs))
        elif new.custom:
            new, unready = self._created(new)
        now = now_text()
        new = replace(new, created=now, modified=now)
        done = replace(self._replacing(step), new=new, unready=unready)
        return self._after("AfterCreate", new, done) if new.custom and not unready else done

    def _created(self, new: ResourceState) -> tuple[ResourceState, tuple[str, ...]]:
        if self._scope.planning and not self._scope.options.provider_previews:
            return replace(new, outputs=new.inputs), ()
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
            created = self._tried("create", new, None, lambda: provider.create(request))
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
        self._scope.hooks.run("BeforeUpdate", new, new=new, old=old)
        unready: tuple[str, ...] = ()
        if new.is_provider:
            self._scope.registry.configure(new, planning=self._scope.planning)
            new = replace(new, outputs=provider_outputs(new.inputs))
        elif new.custom:
            new, unready = self._updated(old, new, step.ignore_changes)
        else:
            new = replace(new, outputs=old.outputs)
        done = Done(new=new, old=old, gone=(old,), unready=unready)
        return self._after("AfterUpdate", new, done) if new.custom and not unready else done

    def _updated(
        self, old: ResourceState, new: ResourceState, ignore: tuple[str, ...]
    ) -> tuple[ResourceState, tuple[str, ...]]:
        if self._scope.planning and not self._scope.options.provider_previews:
            return replace(new, outputs=new.inputs), ()
        provider = self._provider(new)
        if provider is None:
            return new, ()
        request = Update(
            urn=new.urn,
            id=old.id,
            olds=by_hash(old.outputs),
            old_inputs=by_hash(old.inputs),
            news=new.inputs,
            preview=self._scope.planning,
            timeout_s=new.custom_timeouts.get("update", 0.0),
            ignore_changes=ignore,
            type=new.type,
            name=new.name,
        )
        try:
            updated = self._tried("update", new, old, lambda: provider.update(request))
        except InitFailed as error:
            # The old inputs stay, so that the next run sees the difference again and repeats the update.
            state = replace(new, outputs=error.properties, inputs=old.inputs, init_errors=error.reasons)
            return state, error.reasons
        return replace(new, outputs=updated.properties), ()

    # ---- delete ----
    def _delete(self, step: Step) -> Done:
        old = step.old
        assert old is not None
        if step.op is not Op.REMOVE_PENDING_REPLACE:
            self._scope.hooks.run("BeforeDelete", old, new=None, old=old)
        if step.op is Op.DELETE and old.protect and not self._scope.options.ignore_protect:
            raise DeletionRefused(
                f'resource "{old.urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, either '
                "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`, or use the "
                f"command:\n`pulumi state unprotect '{old.urn}'`"
            )
        if step.op is Op.REMOVE_PENDING_REPLACE:
            return Done(gone=(old,))
        if not self._spared(old) and not self._scope.planning:
            self._deleted(old)
        done = Done(old=old, gone=(old,))
        if step.pending_replacement:
            kept = replace(old, pending_replacement=True)
            self._scope.olds[old.urn] = kept
            done = Done(old=old, kept=kept)
        return self._after("AfterDelete", old, done)

    def _deleted(self, old: ResourceState) -> None:
        provider = self._scope.instance(old.provider).provider
        request = Delete(
            urn=old.urn,
            id=old.id,
            properties=old.outputs,
            old_inputs=old.inputs,
            timeout_s=old.custom_timeouts.get("delete", 0.0),
            type=old.type,
            name=old.name,
        )
        self._tried("delete", old, old, lambda: provider.delete(request))

    def _tried(self, operation: str, state: ResourceState, old: ResourceState | None, call: Callable[[], T]) -> T:
        """Make a provider call, again for as long as the resource's hooks on errors ask for it."""
        errors: list[str] = []
        while True:
            try:
                return call()
            except ProviderError as error:
                errors.insert(0, error.message)
                if not self._scope.hooks.wants_retry(operation, state, old, errors):
                    raise

    def _spared(self, old: ResourceState) -> bool:
        """Tell whether the cloud is not asked: nothing there, not ours, to be retained, or gone with its holder."""
        if not old.custom or old.is_provider or old.external or old.retain_on_delete:
            return True
        return bool(old.deleted_with) and old.deleted_with in self._scope.decisions.deleted

    # ---- read and import ----
    def _read(self, step: Step) -> Done:
        new = step.new
        assert new is not None
        if new.id == UNKNOWN:
            return replace(self._replacing(step), new=new)
        unready: tuple[str, ...] = ()
        try:
            found = self.look(new, new.inputs, new.inputs)
        except InitFailed as error:
            found, unready = Found(id=error.id, properties=error.properties, inputs={}), error.reasons
        if found is None:
            raise StepFailed(f"resource '{new.id}' does not exist")
        result = replace(new, outputs=found.properties, id=found.id or new.id, init_errors=unready)
        return replace(self._replacing(step), new=result, unready=unready)

    def look(self, state: ResourceState, outputs: Struct, inputs: Struct) -> Found | None:
        """Read one object; None if it is gone."""
        provider = self._provider(state)
        if provider is None:
            return Found(id=state.id, properties=outputs, inputs=inputs)
        request = Read(
            urn=state.urn,
            id=state.id,
            properties=outputs,
            inputs=by_hash(inputs),
            timeout_s=state.custom_timeouts.get("read", 0.0),
            type=state.type,
            name=state.name,
        )
        found = provider.read(request)
        return found if found and found.id else None

    def _import(self, step: Step) -> Done:
        """Take what was read as the state; whether the program wants something else is decided after it."""
        new = step.new
        assert new is not None
        provider = self._provider(new)
        if provider is None:
            raise StepFailed("the provider's configuration is not known yet, so nothing can be imported by it")
        wanted, now = replace(new, id=new.import_id), now_text()
        try:
            found = self.look(wanted, {}, {})
        except InitFailed as error:
            found = Found(id=error.id, properties=error.properties, inputs=error.inputs)
            wanted = replace(wanted, init_errors=error.reasons)
        if found is None:
            raise StepFailed(f"resource '{new.import_id}' does not exist")
        state = replace(wanted, id=found.id, inputs=found.inputs, outputs=found.properties, created=now, modified=now)
        return replace(self._replacing(step), new=state)

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
