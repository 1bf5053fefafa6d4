"""One operation: takes what a program asks for, in the order in which it asks, and brings the state there.

Only sequencing: planning is `planner`, performing is `executor`, deletions are `removal`. The thread that registers is
the thread that works, because the SDK registers a resource when its dependencies are resolved; planning is one at a
time, so decisions never race.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct, contains_unknown
from cellctl_provider import baton
from cellctl_provider.protocol import Invoke, Invoked, ProviderError
from cellctl_sandbox.engine import programs, targeting
from cellctl_sandbox.engine.errors import (
    DefaultProviderDisabled,
    DeletionRefused,
    NotStarted,
    Rejected,
    StepFailed,
    Unavailable,
    UnsupportedFeature,
)
from cellctl_sandbox.engine.executor import Executor, HookFailed
from cellctl_sandbox.engine.gate import Gate, Stopped
from cellctl_sandbox.engine.goals import Goal, InvokeGoal, ReadGoal, checked_aliases, package_of
from cellctl_sandbox.engine.planner import CheckRefused, Planner, Wanted
from cellctl_sandbox.engine.providing import Providing
from cellctl_sandbox.engine.refreshing import Refresh
from cellctl_sandbox.engine.removal import Removal, condemned
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step
from cellctl_sandbox.engine.urns import PROVIDER_PREFIX, ROOT_TYPE, denied_reference, make_urn


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the program learns of a registration.

    `succeeded` is false for what failed, or needs what failed, in an operation that continues. `unknown`: nothing was
    made, so its outputs are not known.
    """

    state: ResourceState
    succeeded: bool = True
    unknown: bool = False


class Deployment:
    """The sequence of one operation."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.gate = Gate(scope.options.parallel)
        self.failed = False
        self.cancelled = False
        self.unsupported: UnsupportedFeature | None = None
        self._planning = baton.Lock()
        self._planner = Planner(scope)
        self._executor = Executor(scope)
        self._providing = Providing(scope, self._default_provider)
        self._ops: dict[str, Step] = {}
        self._root_outputs: Struct | None = None
        self._finishing = self._finished = False

    # ---- failing and cancelling ----
    def fail(self, error: StepFailed) -> None:
        """Report a failure and let nothing new begin."""
        self._report(error)
        self.gate.stop()

    def _report(self, error: StepFailed) -> None:
        self.failed = True
        for reason in error.reasons if isinstance(error, CheckRefused) else [error.message]:
            if reason:
                self.scope.log.say("error", reason, error.urn)

    def refuse(self, error: UnsupportedFeature) -> None:
        """End the operation because it needs what this engine does not have."""
        self.unsupported = error
        self.fail(StepFailed(str(error), urn=error.urn))

    def cancel(self) -> None:
        """End the operation early: what is under way is finished and recorded, nothing new begins."""
        if not self.cancelled and not self._finished:
            self.cancelled = True
            self.gate.stop()
            self.scope.registry.cancel()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Answer one call of the program; after a failure the caller sees UNAVAILABLE once all is quiet."""
        try:
            with self.gate.call():
                try:
                    yield
                except StepFailed as error:
                    self.fail(error)
                    raise Stopped from error
                except UnsupportedFeature as error:
                    self.refuse(error)
                    raise Stopped from error
        except Stopped:
            self.gate.wait_idle()
            raise Unavailable from None

    # ---- what a program asks for ----
    def register(self, goal: Goal) -> Answer:
        """Bring one resource to its goal."""
        with self._asked():
            with self._planning:
                reference = self._provider_of(goal)
                checked_aliases(goal.aliases)
                wanted = self._planner.wanted(goal, reference)
                if goal.type.startswith(PROVIDER_PREFIX) or not goal.custom:
                    return self._brought(wanted)  # cheap, and what comes next may need it
                wanted, planned = self._planned(wanted)
            if self._skips(wanted.new):
                return Answer(state=wanted.new, succeeded=False)
            with self.gate.step():
                return self._performed(wanted, planned)

    def _provider_of(self, goal: Goal) -> str:
        """Return the reference of the provider that a registration is for."""
        provided = (goal.type, goal.provider, goal.version, goal.download_url)
        try:
            return self._providing.reference(*provided, custom=goal.custom)
        except DefaultProviderDisabled as error:
            urn = make_urn(self.scope.stack, self.scope.project, goal.parent, goal.type, goal.name)
            if self.scope.mode != "update" and urn not in self.scope.olds:
                return denied_reference(package_of(goal.type))  # it is not made, so nobody asks for it
            error.urn = urn
            raise

    def _asked_provider(self, token: str, goal: ReadGoal | InvokeGoal) -> str:
        """Return the reference of the provider that shall look something up.

        Raises:
            Rejected: It would be a default provider that is disabled; the program shall see an exception.
        """
        try:
            return self._providing.reference(token, goal.provider, goal.version, goal.download_url)
        except DefaultProviderDisabled as error:
            raise Rejected(f"{error.message} ({token})") from None

    def _brought(self, wanted: Wanted) -> Answer:
        wanted, planned = self._planned(wanted)
        if self._skips(wanted.new):
            return Answer(state=wanted.new, succeeded=False)
        return self._performed(wanted, planned)

    def _planned(self, wanted: Wanted) -> tuple[Wanted, list[Step]]:
        """Return a registration and its steps; with a refresh that runs the program its old state was read again."""
        scope = self.scope
        reads = scope.mode == "refresh" or (scope.options.refresh and scope.mode == "update")
        if reads and scope.options.run_program and wanted.old is not None:
            refresh = self._refresh(counted=scope.mode == "refresh")
            wanted = replace(wanted, old=refresh.one(wanted.old, wanted.new))
        if scope.mode != "update":
            planned = programs.without_goals(scope, wanted)
            if planned is not None:
                return wanted, planned
        if not scope.selection.includes(wanted.new):
            return wanted, targeting.untouched(scope, wanted)
        planned = self._planner.plan(wanted)
        targeting.refuse_skipped(scope, planned)
        return wanted, planned

    def _performed(self, wanted: Wanted, planned: list[Step]) -> Answer:
        """Perform what was planned; a failure ends the operation, unless it shall continue."""
        try:
            state = self._perform(planned) if planned else self._left(wanted)
            if planned and planned[0].op in (Op.IMPORT, Op.IMPORT_REPLACEMENT):
                if self.gate.stopped:
                    raise Stopped
                with self._planning:
                    more = self._planner.after_import(wanted, state)
                state = self._perform(more) if more else state
        except StepFailed as error:
            if not self.scope.options.continue_on_error:
                raise
            self._report(error)
            if isinstance(error, HookFailed) and error.state is not None:
                return Answer(state=error.state)
            self.scope.decisions.failed.add(wanted.new.urn)
            return Answer(state=wanted.new, succeeded=False)
        return Answer(state=state, unknown=bool(planned) and planned[-1].skipped)

    def _left(self, wanted: Wanted) -> ResourceState:
        """Leave a resource as it is, and take its turn in the state: what comes after it may need it."""
        assert wanted.old is not None, "a registration ends with a state"
        self.scope.journal.commit(new=wanted.old, gone=(wanted.old,), lazily=True)
        return wanted.old

    def _skips(self, new: ResourceState) -> bool:
        """Tell whether something that a resource needs has failed, so that it is not begun."""
        failed = self.scope.decisions.failed
        if not new.needs() & failed:
            return False
        failed.add(new.urn)
        return True

    def _perform(self, planned: list[Step]) -> ResourceState:
        result: ResourceState | None = None
        for place, step in enumerate(planned):
            if place and self.gate.stopped:
                raise Stopped  # what was begun is recorded; the rest of a replacement is for the next operation
            state = self._executor.perform(step)
            if step.new is not None:
                result = state or result
                self._ops[step.urn] = step
        assert result is not None, "a registration ends with a state"
        return result

    def _default_provider(self, goal: Goal) -> ResourceState:
        return self._brought(self._planner.wanted(goal, "")).state

    def read(self, goal: ReadGoal) -> ResourceState:
        """Look an existing object up for the program, and keep it in the state as external."""
        with self._asked():
            with self._planning:
                planned = self._planned_read(goal)
            with self.gate.step():
                return self._perform(planned)

    def _planned_read(self, goal: ReadGoal) -> list[Step]:
        scope = self.scope
        reference = self._asked_provider(goal.type, goal)
        urn = self._planner.identities.urn(goal.parent, goal.type, goal.name)
        old = scope.olds.get(urn)
        if old is not None:
            scope.decisions.kept.add(urn)
        new = ResourceState(
            urn=urn,
            type=goal.type,
            custom=True,
            id=goal.id,
            inputs=goal.properties,
            parent=goal.parent,
            external=True,
            dependencies=goal.dependencies,
            provider=reference,
            additional_secret_outputs=goal.additional_secret_outputs,
        )
        if old is not None and not old.external and old.id != goal.id:
            scope.decisions.replaced.add(urn)
            step = Step(op=Op.READ_REPLACEMENT, urn=urn, old=old, new=new, pending_delete=True)
            return [step, replace(step, op=Op.REPLACE)]
        if scope.mode == "destroy":
            scope.decisions.condemned.append(urn)
        return [Step(op=Op.READ, urn=urn, old=old, new=new)]

    def invoke(self, goal: InvokeGoal) -> Invoked | None:
        """Call a function of a provider; None where its result is not known yet.

        Raises:
            Rejected: The program shall see an exception.
        """
        with self._asked():
            with self._planning:
                reference = self._asked_provider(goal.token, goal)
            instance = self.scope.instance(reference)
            if not instance.known or contains_unknown(goal.args):
                return None
            request = Invoke(token=goal.token, args=goal.args, preview=self.scope.planning)
            try:
                return instance.provider.invoke(request)
            except ProviderError as error:
                raise Rejected(f"invocation of {goal.token} returned an error: {error.message}") from error

    def exists(self, goal: ReadGoal) -> bool | None:
        """Tell whether an object exists, without taking it into the state; None where that is not known yet."""
        with self._asked():
            with self._planning:
                reference = self._asked_provider(goal.type, goal)
            instance = self.scope.instance(reference)
            if not instance.known or contains_unknown(goal.id):
                return None
            urn = f"urn:pulumi:{self.scope.stack}::{self.scope.project}::{goal.type}::{goal.id}"
            state = ResourceState(urn=urn, type=goal.type, id=goal.id, provider=reference)
            try:
                return self._executor.look(state, goal.properties, {}) is not None
            except ProviderError as error:
                raise Rejected(f"'{goal.id}' cannot be looked up: {error.message}") from error

    def register_outputs(self, urn: str, outputs: Struct) -> None:
        """Take the outputs of a component; the root stack's count when everything else is done."""
        with self._asked():
            state = self.scope.made.get(urn)
            if state is None and urn in self.scope.decisions.skipped | self.scope.decisions.failed:
                return
            if state is None:
                raise StepFailed(f"cannot register outputs of the unknown resource '{urn}'", urn=urn)
            if state.type == ROOT_TYPE:
                self._root_outputs = outputs
            else:
                self._take_outputs(state, outputs)

    def _take_outputs(self, state: ResourceState, outputs: Struct) -> None:
        new = replace(state, outputs=outputs)
        self.scope.made[new.urn] = new
        if self.scope.journal.current(new.row) is not None:  # a destroy has deleted it by now
            self.scope.journal.commit(new=new, lazily=state.outputs == outputs)
        self.scope.log.done(self._ops[new.urn], new, count=False)
        self._executor.after_outputs(self._ops[new.urn], new)

    # ---- whole operations ----
    def refresh(self, *, counted: bool) -> None:
        """Read everything in the state; `counted` where refresh is the operation, not a part of one."""
        try:
            failures = self._refresh(counted=counted).run()
        except NotStarted as error:
            self.failed = True
            self.scope.log.note(error.message)
            self.gate.stop()
            return
        for failure in failures:
            self.fail(failure)
        self.scope.reindex()

    def _refresh(self, *, counted: bool) -> Refresh:
        return Refresh(self.scope, self._executor, self._planner, self.gate, counted=counted)

    def refuse_unheard_hooks(self) -> bool:
        """Report resources whose hooks run with their deletion, where no program runs; True if there are any."""
        found = False
        for item in self.scope.journal.olds():
            names = [*item.hooks.get("BeforeDelete", ()), *item.hooks.get("AfterDelete", ())]
            if names:
                text = "Resource has delete hooks registered, but the program is not running. Hooks: "
                self._report(StepFailed(text + ", ".join(names), urn=item.urn))
                found = True
        return found

    def remove(self) -> None:
        """Delete everything that no registration took over."""
        scope = self.scope
        targeting.report_unknown(scope, scope.selection.targets.literals)
        items = condemned(scope)
        try:
            spared, items = targeting.removable(scope, items, self._planner.replacing)
        except StepFailed as error:
            self.fail(error)
            return
        for step in spared:
            self._executor.perform(step)
        Removal(scope, self._executor, self.gate, self._removal_failed).run(items)

    def _removal_failed(self, error: StepFailed) -> None:
        if self.scope.options.continue_on_error or isinstance(error, DeletionRefused):
            self._report(error)
        else:
            self.fail(error)

    def finish(self) -> None:
        """Complete the operation after the program ran to its end: delete, then set the stack's outputs."""
        if self._finishing:
            return
        self._finishing = True
        if not self.gate.stopped:
            if self.scope.mode == "refresh":
                self.refresh(counted=True)
            else:
                self.remove()
        self.settle()

    def settle(self) -> None:
        """Set the stack's outputs; what a failed operation did not reach keeps its old value."""
        self._finishing = self._finished = True
        outputs, self._root_outputs = self._root_outputs, None
        root = next((item for item in self.scope.made.values() if item.type == ROOT_TYPE), None)
        if outputs is None or root is None:
            return
        unfinished = self.failed or self.cancelled
        self._take_outputs(root, {**root.outputs, **outputs} if unfinished else outputs)
