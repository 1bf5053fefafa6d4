"""One operation: takes what a program asks for, in the order in which it asks, and brings the state there.

Only sequencing: planning is `planner`, performing is `executor`, deletions are `removal`. The thread that registers is
the thread that works, because the SDK registers a resource when its dependencies are resolved; planning is one at a
time, so decisions never race.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct, contains_unknown, secret
from cellctl_provider.protocol import Invoke, Invoked, ProviderError
from cellctl_sandbox.engine.errors import Rejected, StepFailed, Unavailable, UnsupportedFeature
from cellctl_sandbox.engine.executor import Executor
from cellctl_sandbox.engine.gate import Gate, Stopped
from cellctl_sandbox.engine.goals import Goal, InvokeGoal, ReadGoal, package_of
from cellctl_sandbox.engine.planner import CheckRefused, Planner
from cellctl_sandbox.engine.refreshing import Refresh
from cellctl_sandbox.engine.removal import Removal, condemned, protected_and_needed
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step
from cellctl_sandbox.engine.urns import PROVIDER_PREFIX, ROOT_TYPE, default_provider_name, make_urn


class Deployment:
    """The sequence of one operation."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.gate = Gate(scope.options.parallel)
        self.failed = False
        self.cancelled = False
        self.unsupported: UnsupportedFeature | None = None
        self._planning = threading.RLock()
        self._planner = Planner(scope)
        self._executor = Executor(scope)
        self._ops: dict[str, Step] = {}
        self._root_outputs: Struct | None = None
        self._finished = False

    # ---- failing and cancelling ----
    def fail(self, error: StepFailed) -> None:
        """Report a failure and let nothing new begin."""
        self.failed = True
        for reason in error.reasons if isinstance(error, CheckRefused) else [error.message]:
            self.scope.log.say("error", reason, error.urn)
        self.gate.stop()

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
    def register(self, goal: Goal) -> ResourceState:
        """Bring one resource to its goal and return its state."""
        with self._asked():
            with self._planning:
                reference = self._provider_for(goal.custom, goal.type, goal.provider, goal.version, goal.download_url)
                planned = self._planner.plan(goal, reference)
                if goal.type.startswith(PROVIDER_PREFIX) or not goal.custom:
                    return self._perform(planned)  # cheap, and what comes next may need it
            with self.gate.step():
                return self._perform(planned)

    def _perform(self, planned: list[Step]) -> ResourceState:
        result: ResourceState | None = None
        for step in planned:
            state = self._executor.perform(step)
            if step.new is not None:
                result = state or result
                self._ops[step.urn] = step
        assert result is not None, "a registration ends with a state"
        return result

    def _provider_for(self, custom: bool, type_: str, given: str, version: str, download_url: str) -> str:
        if not custom or type_.startswith(PROVIDER_PREFIX):
            return ""
        return given or self._default_provider(package_of(type_), version, download_url)

    def _default_provider(self, package: str, version: str, download_url: str) -> str:
        """Return the default provider of a package and version, registered on first use."""
        name = default_provider_name(version, download_url)
        type_ = f"{PROVIDER_PREFIX}{package}"
        scope = self.scope
        urn = make_urn(scope.stack, scope.project, "", type_, name)
        made = scope.made.get(urn)
        if made is None:
            self._refuse_default_providers(package)
            inputs: Struct = {}
            for key, item in scope.config.items():
                namespace, _, rest = key.partition(":")
                if namespace == package and rest not in ("version", "pluginDownloadURL"):
                    inputs[rest] = secret(item.value) if item.secret else item.value
            if version:
                inputs["version"] = version
            made = self._perform(self._planner.plan(Goal(type=type_, name=name, custom=True, properties=inputs), ""))
        return f"{urn}::{made.id}"

    def _refuse_default_providers(self, package: str) -> None:
        disabled = self.scope.config.get("pulumi:disable-default-providers")
        if (disabled and f'"{package}"' in disabled.value) or (disabled and '"*"' in disabled.value):
            raise StepFailed(
                f"Default provider for '{package}' disabled: every resource and invoke must name an explicit provider"
            )

    def read(self, goal: ReadGoal) -> ResourceState:
        """Look an existing object up for the program, and keep it in the state as external."""
        with self._asked():
            with self._planning:
                planned = self._planned_read(goal)
            with self.gate.step():
                return self._perform(planned)

    def _planned_read(self, goal: ReadGoal) -> list[Step]:
        scope = self.scope
        reference = self._provider_for(True, goal.type, goal.provider, goal.version, goal.download_url)
        urn = make_urn(scope.stack, scope.project, goal.parent, goal.type, goal.name)
        self._planner.claim(urn)
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
            step = Step(op=Op.READ_REPLACEMENT, urn=urn, old=old, new=new, pending_delete=True)
            return [step, replace(step, op=Op.REPLACE)]
        return [Step(op=Op.READ, urn=urn, old=old, new=new)]

    def invoke(self, goal: InvokeGoal) -> Invoked:
        """Call a function of a provider; raises `Rejected` where the program shall see an exception."""
        with self._asked():
            with self._planning:
                reference = self._provider_for(True, goal.token, goal.provider, goal.version, goal.download_url)
            instance = self.scope.instance(reference)
            if not instance.known:
                return Invoked(result={})
            if contains_unknown(goal.args):
                return Invoked(result={})  # a preview: the result is not known either
            request = Invoke(token=goal.token, args=goal.args, preview=self.scope.planning)
            try:
                return instance.provider.invoke(request)
            except ProviderError as error:
                raise Rejected(f"invocation of {goal.token} returned an error: {error.message}") from error

    def register_outputs(self, urn: str, outputs: Struct) -> None:
        """Take the outputs of a component; the root stack's count when everything else is done."""
        with self._asked():
            state = self.scope.made.get(urn)
            if state is None:
                raise StepFailed(f"cannot register outputs of the unknown resource '{urn}'", urn=urn)
            if state.type == ROOT_TYPE and not self.scope.planning:
                self._root_outputs = outputs
            else:
                self._take_outputs(state, outputs)

    def _take_outputs(self, state: ResourceState, outputs: Struct) -> None:
        new = replace(state, outputs=outputs)
        self.scope.made[new.urn] = new
        self.scope.journal.commit(new=new, lazily=state.outputs == outputs)
        self.scope.log.done(self._ops[new.urn], new, count=False)

    # ---- whole operations ----
    def refresh(self, *, counted: bool) -> None:
        """Read everything in the state; `counted` where refresh is the operation, not a part of one."""
        for error in Refresh(self.scope, self._executor, self._planner, self.gate, counted=counted).run():
            self.fail(error)
        self.scope.reindex()

    def remove(self) -> None:
        """Delete everything that no registration took over."""
        items = condemned(self.scope)
        if self.scope.options.exclude_protected:
            spared = protected_and_needed(self.scope.journal.checkpoint().resources)
            items = [item for item in items if item.urn not in spared]
        Removal(self.scope, self._executor, self.gate, self.fail).run(items)

    def finish(self) -> None:
        """Complete the operation after the program ran to its end: delete, then set the stack's outputs."""
        if self._finished:
            return
        self._finished = True
        if not self.gate.stopped:
            self.remove()
        self.settle()

    def settle(self) -> None:
        """Set the stack's outputs; what a failed operation did not reach keeps its old value."""
        self._finished = True
        outputs, self._root_outputs = self._root_outputs, None
        root = next((item for item in self.scope.made.values() if item.type == ROOT_TYPE), None)
        if outputs is None or root is None:
            return
        unfinished = self.failed or self.cancelled
        self._take_outputs(root, {**root.outputs, **outputs} if unfinished else outputs)
