"""The Automation API, driven: one workspace, one stack, one inline program, in the operation process.

`Cockpit` turns tasks into `Stack.preview`, `up`, `refresh`, `destroy`, and what they raise into typed errors. A failed
operation is no exception here: its story is in the events; only what has no events is raised.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TextIO

import pulumi
from pulumi.automation import Deployment, LocalWorkspace, Stack
from pulumi.automation.errors import CommandError, ConcurrentUpdateError, StackNotFoundError

from cellctl import clouds
from cellctl.engine import hosts, interventions
from cellctl.engine.classify import classify, tidy
from cellctl.engine.redact import Redactor
from cellctl.engine.seam import Seam, masked_outputs, resources
from cellctl.engine.wire import Setup, Task
from cellctl.errors import EngineError, Locked
from cellctl.state.values import Struct, Value

RECORD = "cellctl"  # the stack output that says which cellctl made the stack, from which spec


class Cockpit:
    """Holds an open engine host and a stack for the length of an operation process."""

    def __init__(self, setup: Setup, on_event: Callable[[str, float | None], None]) -> None:
        self.setup = setup
        self._on_event = on_event
        self._evidence = _private(Path(setup.run_dir) / "events.ndjson")
        self.host = hosts.open_host(setup)
        self._cloud: clouds.Cloud | None = getattr(self.host, "cloud", None)  # a fake brings its own program
        self._site = dict(setup.site)
        self._program = self._made(setup.spec) if setup.spec and not setup.unsettled else None
        self._task = Task(verb="preview")

    def perform(self, task: Task) -> Struct:
        """Run one verb to its end and return its result; raises typed errors for what has no events."""
        self._task = task
        if task.verb in ("verify", "gates"):
            return self._verify(task) if task.verb == "verify" else self._gates(task)
        if task.verb == "export":
            return {"deployment": self._exported(task)}
        if task.verb == "import":
            deployment = Deployment(version=3, deployment=dict(task.deployment))
            self._workspace(task).import_stack(self.setup.stack, deployment)
            return {}
        if task.verb == "site":
            return {"site": self._settled(task)}
        if task.verb in ("licence", "scrub"):
            asked = hosts.licence if task.verb == "licence" else hosts.scrub
            return asked(self.host, *task.targets)
        return self._asked(task) if task.verb in ("account", "alarms", "look_up") else self._operate(task)

    def _asked(self, task: Task) -> Struct:
        """Ask the account."""
        if task.verb == "account":
            return hosts.account(self.setup, self.host, task.targets, task.outputs.get("sizes"))
        if task.verb == "alarms":
            return {"states": hosts.alarms(self.host, task.targets, str(task.outputs.get("region")))}
        return {"found": hosts.look_up(self.setup, self.host, task.targets)}

    def _settled(self, task: Task) -> Struct:
        """Look into the account for what the spec names there; from now on the program stands on it."""
        cloud, known = self._cloud or clouds.load(self.setup.cloud), task.outputs.get("site")
        found = known or hosts.settled(self.setup, self.host, cloud, exists=task.exists)
        assert isinstance(found, dict)
        self._site = {**found, "wanted": task.outputs.get("wanted")}
        self._program = self._made(self.setup.spec)
        return self._site

    def interrupt(self) -> None:
        """Stop gracefully: finish what is under way, start nothing new."""
        self.host.interrupt()

    def close(self) -> None:
        """Close the host."""
        self.host.close()
        self._evidence.close()

    def _operate(self, task: Task) -> Struct:
        if task.after_s:
            self.host.sleep(task.after_s)
        stack = self._stack(task)
        failed = ""
        try:
            self._call(stack, task)
        except ConcurrentUpdateError as error:
            raise Locked(
                _line(error), hint="wait for the other run; `cellctl status` says who", code="locked"
            ) from None
        except CommandError as error:
            failed = _line(error)
        except RuntimeError as error:
            failed = tidy(str(error))  # the SDK: no summary event
        seam = stack.workspace.pulumi_command
        assert isinstance(seam, Seam)
        export = (
            {} if task.verb.startswith("preview") else seam.export(stack.workspace.work_dir, self._environment(task))
        )
        return {
            "failed": failed,
            "outputs": {key: value for key, value in masked_outputs(export).items() if key != RECORD},
            "remaining": sum(1 for row in resources(export) if row.get("custom")),
        }

    def _call(self, stack: Stack, task: Task) -> None:
        targets = list(task.targets) or None
        message, parallel, kept = task.message or None, task.parallel, task.keep_protected or None
        if task.verb == "preview":
            stack.preview(message=message, parallel=parallel, program=self._inline)
        elif task.verb == "up":
            stack.up(message=message, parallel=parallel, program=self._inline, show_secrets=False)
        elif task.verb == "destroy":
            stack.destroy(
                message=message, parallel=parallel, target=targets, exclude_protected=kept, show_secrets=False
            )
        elif task.verb == "refresh":
            stack.refresh(message=message, parallel=parallel, target=targets, show_secrets=False)
        elif task.verb == "preview_refresh":
            stack.preview_refresh(message=message, parallel=parallel, target=targets)
        else:
            stack.preview_destroy(message=message, parallel=parallel, target=targets, exclude_protected=kept)

    def _stack(self, task: Task) -> Stack:
        """Return the stack in the workspace of this task, made if there is none yet."""
        workspace = self._workspace(task)
        try:
            try:
                stack = Stack.select(self.setup.stack, workspace)
            except StackNotFoundError:
                stack = Stack.create(self.setup.stack, workspace)
        except CommandError as error:
            raise failure_of(_line(error)) from None
        return stack

    def _exported(self, task: Task) -> Struct:
        """Return the state as the backend has it, secrets sealed; `{}` where there is no such stack."""
        workspace = self._workspace(task)
        seam = workspace.pulumi_command
        assert isinstance(seam, Seam)
        try:
            deployment = seam.export(workspace.work_dir, self._environment(task)).get("deployment")
        except StackNotFoundError:
            return {}
        except CommandError as error:
            raise failure_of(_line(error)) from None
        return deployment if isinstance(deployment, dict) else {}

    def _workspace(self, task: Task) -> LocalWorkspace:
        exists = hosts.stack_file(task.backend or self.setup.environment["PULUMI_BACKEND_URL"], self.setup.stack)
        command = self.host.command
        bind = getattr(command, "bind", None)
        if callable(bind):  # an engine in this process runs the program itself: no sockets, half the CPU
            bind(self._inline if self._program else None)
        seam = Seam(command, self._event, stack=self.setup.stack, exists=exists)
        return LocalWorkspace(
            work_dir=self.setup.work_dir,
            pulumi_home=self.setup.environment["PULUMI_HOME"],
            program=self._inline if self._program else None,
            env_vars=self._environment(task),
            secrets_provider=self.setup.secrets_provider or None,
            pulumi_command=seam,
        )

    def _environment(self, task: Task) -> Mapping[str, str]:
        backend = {"PULUMI_BACKEND_URL": task.backend} if task.backend else {}
        looking: Mapping[str, str] = getattr(self.host, "looking", {}) if task.verb.startswith("preview") else {}
        return {**self.setup.environment, **self.host.environment, **looking, **backend}

    def _inline(self) -> None:
        """The inline program: what this run changes, the cell, and the record of what made it."""
        assert self._program is not None
        task, setup = self._task, self.setup
        interventions.install(
            unprotect=task.unprotect, keep_locks=task.keep_locks, accept_loss=task.accept_loss, adopt=task.adopt
        )
        account = setup.account
        if task.born:
            account = replace(account, born=task.born, private_zones=task.private_zones)
        another = bool(task.spec) or account != setup.account
        program = self._made(task.spec or setup.spec, account) if another else self._program
        program()
        site: Struct = {"site": self._site} if self._site else {}
        spec: Struct = {"spec": dict(task.spec)} if task.spec else {}
        pulumi.export(RECORD, {**_of_its_age(setup.record, task), **site, **spec})

    def _made(self, spec: Mapping[str, Value], account: clouds.AccountFacts | None = None) -> Callable[[], None]:
        """Return the stack's program, its layout made; SpecError says what the cloud cannot do."""
        setup, cloud = self.setup, self._cloud or clouds.load(self.setup.cloud)
        wanted = clouds.Wanted(
            level=setup.level, spec=spec, incarnation=setup.incarnation, place=dict(setup.place) or None,
            site=self._site or None,
        )  # fmt: skip
        return clouds.declaring(cloud, wanted, account or setup.account)

    def _event(self, text: str) -> None:
        if '"severity":"debug"' in text or '"ephemeral":true' in text:
            return
        self._evidence.write(text.rstrip("\n") + "\n")
        self._on_event(text, self.host.simulated_now())

    def _verify(self, task: Task) -> Struct:
        from cellctl import verify

        results = verify.run(
            dict(task.outputs), self.host.dialer, secrets=hosts.secrets_of(self.host), sleep=self.host.sleep
        )
        rows: list[Value] = [
            {"passed": item.passed, "message": item.message, "hint": item.hint, "code": item.code} for item in results
        ]
        return {"checks": rows}

    def _gates(self, task: Task) -> Struct:
        from cellctl.verify import gates

        listed = task.outputs.get("gateways")
        reader = hosts.gateways_of(self.host)
        found = [
            gates.judged(row, self.host.dialer, reader, sleep=self.host.sleep)
            for row in (listed if isinstance(listed, list) else [])
            if isinstance(row, dict)
        ]
        rows: Value = json.loads(json.dumps([asdict(one) for one in found]))
        return {"judged": rows}


def _line(error: Exception) -> str:
    """Return the first `error:` line of a command's answer, redacted; never an empty one, which would be a success."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = next((line for line in lines if "error:" in line), lines[-1] if lines else "")
    text = Redactor().text(said.removeprefix("stderr:").strip().removeprefix("error:").strip())
    code = next((line for line in lines if line.startswith("code:")), "")  # negative: a signal ended it
    return text or f"the engine ended without a word ({code or 'no exit code'})"


def failure_of(message: str) -> EngineError:
    """Return a message without events as a typed error."""
    failure = classify(message)
    return EngineError(failure.message, hint=failure.hint, code=failure.code)


def _private(path: Path) -> TextIO:
    """Open a file of evidence that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8", buffering=1)


def _of_its_age(record: Mapping[str, Value], task: Task) -> Struct:
    """Return a stack's record with what the stack was made with, where the task says that."""
    if not task.born:
        return dict(record)
    zones: Struct = {"privateZones": task.private_zones} if task.private_zones else {}
    return {**{key: value for key, value in record.items() if key != "privateZones"}, "born": task.born, **zones}
