"""One run: its folder, its operation process, and the translation of what that says into Plans and Events."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cellctl.engine import raw_events
from cellctl.engine.classify import classify
from cellctl.engine.operation import Operation, fresh_interpreter
from cellctl.engine.progress import Progress
from cellctl.engine.redact import Redactor
from cellctl.engine.secrets_door import VARIABLE, SecretsDoor
from cellctl.engine.translate import Planner
from cellctl.engine.wire import Setup, Task
from cellctl.engine.workspace import Workspaces, stack_name
from cellctl.errors import EngineError, Interrupted
from cellctl.events import Moment, ResourceDone, RunStarted, Said
from cellctl.gates import Judged, judged_of
from cellctl.guard import Need, Offer, Size, Usage
from cellctl.plan import Diagnostic, Failure
from cellctl.run import identity, siting
from cellctl.run.born import born_of, zones_of
from cellctl.run.knowledge import FactsOfTypes
from cellctl.run.target import RECORD, outputs_of
from cellctl.state.backend import FileBackend, Loaded
from cellctl.state.checkpoint import Checkpoint, deployment_from_json, deployment_to_json, document
from cellctl.state.values import Struct, Value
from cellctl.versions import TEMPLATE

if TYPE_CHECKING:
    from cellctl.home import Run
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.run.target import Target
    from cellctl.run.worker import Worker

HEARTBEAT_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How one verb ended. `failed` is the command's own complaint, empty if it succeeded.

    `broke` is set where the operation did not come to an end of its own: its process died, or its time was up.
    """

    failed: str = ""
    outputs: Mapping[str, Value] = field(default_factory=dict)
    remaining: int = 0
    broke: EngineError | Interrupted | None = None


class Session:
    """A run under way. Use as a context manager; every method blocks until its verb has ended.

    `told` is what the cloud said in this run of what holds data, by URN.
    """

    def __init__(
        self,
        target: Target,
        run: Run,
        options: RunOptions,
        on_event: OnEvent,
        interrupter: Interrupter | None,
        *,
        worker: Worker | None = None,
    ) -> None:
        self.target = target
        self.run = run
        self.options = options
        self.on_event = on_event
        self.told: Mapping[str, Struct] = {}
        self._interrupter = interrupter
        self._last_beat = 0.0
        self._began_simulated: float | None = None
        self._elsewhere: Loaded | None = None
        self._looked_elsewhere = False
        spaces, backend = Workspaces(target.home.root, passphrase=options.passphrase(target.stack)), target.backend
        work_dir = spaces.prepare(target.stack, target.config(), share_salt=target.account.simulated)
        self.redactor = Redactor((spaces.passphrase,) if spaces.passphrase else ())
        self._door = SecretsDoor(options.secret) if options.hooks.secrets is not None and worker is None else None
        door = {VARIABLE: str(self._door.path)} if self._door is not None else {}
        ambient = identity.ambient(options.environment, simulated=target.account.simulated)
        setup = _setup(target, run, options, work_dir, {**ambient, **door, **spaces.environment(backend)})
        self.operation = worker.operation(setup) if worker else Operation(setup, options.start or fresh_interpreter)
        self._warm = worker is not None

    def __enter__(self) -> Session:
        """Start the operation process; a worker's runs already."""
        if not self._warm:
            self.operation.__enter__()
        if self._interrupter is not None:
            self._interrupter.on_interrupt(self.operation.interrupt)
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        if self._interrupter is not None:
            self._interrupter.on_interrupt(None)
        if not self._warm:
            self.operation.__exit__(*exception)
        if self._door is not None:
            self._door.close()

    @property
    def interrupted(self) -> bool:
        """Whether the caller asked to stop."""
        return self._interrupter is not None and self._interrupter.count > 0

    @property
    def simulated_s(self) -> float | None:
        """Return the simulated seconds that this run has taken, None where time is real."""
        now = self.operation.simulated
        return None if now is None or self._began_simulated is None else now - self._began_simulated

    def stop_if_interrupted(self) -> None:
        """Raise Interrupted between two steps of a run."""
        if self.interrupted:
            raise Interrupted("stopped before anything was changed", hint="run the same command again")

    def say(self, message: str, severity: Literal["info", "warning"] = "warning") -> None:
        """Tell the reader something."""
        self.on_event(Said(moment=self.moment(), diagnostic=Diagnostic(severity=severity, message=message)))

    def moment(self) -> Moment:
        """Return now, in both times."""
        return Moment(at=self.options.hooks.now(), simulated_at=self.operation.simulated)

    def begin(self, phase: str, total: int = 0) -> None:
        """Announce a phase; opens the engine first, so that what it lacks is said before."""
        self.operation.wait_ready()
        if self._began_simulated is None:
            self._began_simulated = self.operation.simulated
        self.on_event(RunStarted(moment=self.moment(), phase=phase, total=total))

    def look(self, task: Task) -> tuple[Planner, Ended]:
        """Run a verb that changes nothing and return what it would do."""
        planner = Planner(FactsOfTypes(), self.redactor)
        progress = Progress(FactsOfTypes(), self.redactor)

        def heard(text: str, simulated: float | None) -> None:
            del simulated
            event = raw_events.parse(text)
            if event is not None:
                planner.take(event)

        ended = self._perform(self._as_looker(self._of_its_age(task)), heard, progress)
        if ended.failed and not planner.failures and not planner.blocked:
            planner.fail(ended.failed)
        return planner, ended

    def change(self, task: Task) -> tuple[Progress, Ended]:
        """Run a verb that changes things; its progress goes to `on_event`.

        What was done before the operation broke off is in the Progress; why it did is `Ended.broke`.
        """
        progress, task = Progress(FactsOfTypes(), self.redactor), self._of_its_age(task)
        self._looked_elsewhere = False
        took: list[tuple[str, str, float]] = []

        def heard(text: str, simulated: float | None) -> None:
            event = raw_events.parse(text)
            if event is not None:
                for item in progress.take(event, Moment(at=self.options.hooks.now(), simulated_at=simulated)):
                    if isinstance(item, ResourceDone) and item.elapsed_s > 0:
                        took.append((item.type, item.action, item.elapsed_s))
                    self.on_event(item)

        try:
            return progress, self._perform(task, heard, progress)
        except (EngineError, Interrupted) as error:
            return progress, Ended(failed=error.summary, broke=error)
        finally:
            if took:
                self.target.home.took(self.target.account.name, took)

    def verify(self, outputs: Mapping[str, Value]) -> tuple[tuple[str, ...], tuple[Failure, ...]]:
        """Check that the cell answers; return what is good and what is not."""
        result = self._raw(Task(verb="verify", outputs=outputs), Progress(FactsOfTypes(), self.redactor))
        rows = [row for row in _list(result.get("checks")) if isinstance(row, dict)]
        good = tuple(str(row["message"]) for row in rows if row.get("passed"))
        bad = tuple(
            Failure(code=str(row["code"]), message=str(row["message"]), hint=str(row["hint"]))
            for row in rows
            if not row.get("passed")
        )
        return good, bad

    def look_up(self, urns: tuple[str, ...]) -> Struct:
        """Return for each URN the ids of its objects in the cloud, None where that is unknown."""
        if not urns:
            return {}
        self.begin("repair", len(urns))
        result = self._raw(Task(verb="look_up", targets=urns), Progress(FactsOfTypes(), self.redactor))
        found = result.get("found")
        return found if isinstance(found, dict) else {}

    def account(
        self, needs: Sequence[Need], sizes: Sequence[Size] = ()
    ) -> tuple[float, dict[Need, Usage], dict[Size, Offer]]:
        """Return the clouds' time (unix seconds), and what is known of the account's quotas and of sizes there."""
        names = tuple(json.dumps([need.quota, need.inside]) for need in needs)
        asked: list[Value] = [
            {"kind": size.kind, "name": size.name, "engine": size.engine, "zones": [*size.zones]} for size in sizes
        ]
        task = Task(verb="account", targets=names, outputs={"sizes": asked})
        result = self._raw(task, Progress(FactsOfTypes(), self.redactor))
        now, rows = result.get("now"), _list(result.get("quotas"))
        found = {
            need: Usage(
                used=None if row["used"] is None else int(str(row["used"])),
                limit=int(str(row["limit"])),
                because=str(row["because"]),
                doubt=str(row.get("doubt") or ""),
            )
            for need, row in zip(needs, rows, strict=False)
            if isinstance(row, dict)
        }
        offers = {
            size: Offer(zones=frozenset(map(str, _list(row.get("zones")))), doubt=str(row.get("doubt") or ""))
            for size, row in zip(sizes, _list(result.get("offers")), strict=False)
            if isinstance(row, dict)
        }
        return now if isinstance(now, float) else time.time(), found, offers

    def settle(self, *, exists: bool, known: Struct) -> None:
        """Look into the account for what the spec names there, and freeze that: into the target and the config.

        What is `known` already is not looked at again.

        Raises:
            GuardError: It is not as a cell needs it; every objection is listed.
        """
        told: Struct = {"site": known, siting.WANTED: siting.wants(self.target.spec)}
        task = Task(verb="site", exists=exists, outputs=told)
        site = self._raw(task, Progress(FactsOfTypes(), self.redactor)).get("site")
        assert isinstance(site, dict)
        self.target = replace(self.target, site=site)
        spaces = Workspaces(self.target.home.root, passphrase=self.options.passphrase(self.target.stack))
        spaces.prepare(self.target.stack, self.target.config(), share_salt=self.target.account.simulated)

    def licence(self, reference: str) -> Struct:
        """Return how many `nodes` the licence in a secret allows; or why it is `missing`, or why that is `unknown`."""
        return self._raw(Task(verb="licence", targets=(reference,)), Progress(FactsOfTypes(), self.redactor))

    def alarms(self, names: Sequence[str]) -> Struct:
        """Return `{"state", "why"}` of alarms by name; under `` why nothing is known of others."""
        task = Task(verb="alarms", targets=tuple(names), outputs={"region": self.target.region})
        found = self._raw(task, Progress(FactsOfTypes(), self.redactor)).get("states")
        return found if isinstance(found, dict) else {}

    def gates(self, gateways: Sequence[Struct]) -> tuple[Judged, ...]:
        """Try the gates of gateways, given as the stack's outputs say them."""
        task = Task(verb="gates", outputs={"gateways": [*gateways]})
        result = self._raw(task, Progress(FactsOfTypes(), self.redactor))
        return tuple(judged_of(row) for row in _list(result.get("judged")) if isinstance(row, dict))

    def scrub(self, region: str, bucket: str, share: str = "") -> int:
        """Return how much a bucket holds, after removing it all where `share`, the ARN in front of it, is given."""
        targets = (region, bucket, share)
        left = self._raw(Task(verb="scrub", targets=targets), Progress(FactsOfTypes(), self.redactor)).get("left")
        assert isinstance(left, int)
        return left

    def load(self) -> Loaded | None:
        """Return the checkpoint as it is now, None if there is no stack: from its file, or through the engine."""
        if self.target.files is not None:
            return self.target.load()
        if not self._looked_elsewhere:
            result = self._raw(Task(verb="export"), Progress(FactsOfTypes(), self.redactor))
            self._elsewhere, self._looked_elsewhere = of_export(result.get("deployment"), self.target.name), True
        return self._elsewhere

    def store(self, checkpoint: Checkpoint) -> None:
        """Make the checkpoint what the next engine command finds; its secrets are sealed.

        Raises:
            EngineError: The disk does not take it; the last good state is in place.
        """
        if self.target.files is not None:
            try:
                self.target.files.write(stack_name(self.target.name), checkpoint_text(checkpoint))
            except OSError as error:
                failure = classify(f"the state could not be saved: {error.strerror or error}")
                raise EngineError(failure.message, hint=failure.hint, code=failure.code) from None
            return
        self._looked_elsewhere = False
        task = Task(verb="import", deployment=deployment_to_json(checkpoint))
        self._raw(task, Progress(FactsOfTypes(), self.redactor))

    def record(self) -> Struct:
        """Return what the stack's outputs say of its cell: made by which cellctl, from which spec."""
        loaded = self.load()
        found = outputs_of(loaded.checkpoint).get(RECORD) if loaded else None
        return found if isinstance(found, dict) else {}

    def shadow(self, checkpoint: Checkpoint | None) -> str:
        """Return the URL of a throw-away copy of the state without any protection, for a preview that is complete."""
        if checkpoint is None:
            return self._copy(None)
        bare = tuple(replace(row, protect=False) for row in checkpoint.resources)
        return self._copy(replace(checkpoint, resources=bare))

    def _copy(self, checkpoint: Checkpoint | None) -> str:
        folder = self.run.folder / "shadow"
        shutil.rmtree(folder, ignore_errors=True)
        backend = FileBackend(folder)
        if checkpoint is not None:
            seen = identity.as_looker(checkpoint, *self.target.roles) if self.target.roles else checkpoint
            backend.create(stack_name(self.target.name), checkpoint_text(seen))
        else:
            folder.mkdir(mode=0o700)
        return backend.url

    def _as_looker(self, task: Task) -> Task:
        """Let a run that has a role of its own for looking use it where the state names the other."""
        loaded = self.load() if self.target.roles and not task.backend else None
        return replace(task, backend=self._copy(loaded.checkpoint)) if loaded else task

    def _perform(self, task: Task, heard: OnRawEvent, progress: Progress) -> Ended:
        result = self._raw(task, progress, heard)
        remaining, outputs = result.get("remaining"), result.get("outputs")
        return Ended(
            failed=self.redactor.text(str(result.get("failed") or "")),
            outputs=outputs if isinstance(outputs, dict) else {},
            remaining=remaining if isinstance(remaining, int) else 0,
        )

    def _of_its_age(self, task: Task) -> Task:
        """Tell a program what its stack was made with; of a state that is elsewhere the state says it."""
        if self.target.files is None and task.verb in ("up", "preview"):
            record, target = self.record(), self.target
            born = born_of(record) if record else TEMPLATE
            self.target = replace(
                target, born=born, private_zones=zones_of(record) if record else target.account_zones()
            )
        return replace(task, born=self.target.born, private_zones=self.target.private_zones)

    def _raw(self, task: Task, progress: Progress, heard: OnRawEvent | None = None) -> Struct:
        def beat(simulated: float | None) -> None:
            now = time.monotonic()
            if now - self._last_beat >= HEARTBEAT_S:
                self._last_beat = now
                self.on_event(progress.heartbeat(Moment(at=self.options.hooks.now(), simulated_at=simulated)))

        return self.operation.perform(task, heard or _unheard, beat, deadline_s=self.options.deadline_s)


if TYPE_CHECKING:
    from cellctl.engine.operation import OnRaw as OnRawEvent


def _unheard(text: str, simulated: float | None) -> None:
    del text, simulated


def of_export(deployment: Value, cell: str) -> Loaded | None:
    """Return the checkpoint in the deployment of an export, None where there is none."""
    if not isinstance(deployment, dict) or not deployment:
        return None
    return Loaded(checkpoint=deployment_from_json(deployment, stack=stack_name(cell).full))


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Return a checkpoint whose secrets are sealed as the text of its file."""
    return json.dumps(document(checkpoint))


def _setup(target: Target, run: Run, options: RunOptions, work_dir: Path, environment: Mapping[str, str]) -> Setup:
    return Setup(
        home=str(target.home.root),
        cell=target.name.replace("/", "-"),
        level=target.level,
        place=target.place,
        site=target.site,
        unsettled=bool(target.spec) and not target.site and bool(siting.wants(target.spec)),
        cloud=target.cloud,
        stack=target.stack,
        work_dir=str(work_dir),
        run_dir=str(run.folder),
        engine=target.engine,
        clock=options.clock,
        spec=target.spec,
        incarnation=target.incarnation,
        account=target.facts(),
        environment=environment,
        secrets_provider="" if target.backend.secrets_provider == "passphrase" else target.backend.secrets_provider,
        record=target.record(),
    )


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []
