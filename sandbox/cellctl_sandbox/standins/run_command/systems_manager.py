"""AWS Systems Manager: Run Command with the documents that run PowerShell and shell scripts."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping

from cellctl.state.values import Struct
from cellctl_provider.octopus.machines import DOCUMENTS, System
from cellctl_sandbox.standins.aws_json import ApiError, Call, Interference, JsonService, Undisturbed
from cellctl_sandbox.standins.run_command.runs import SHELL_CALL, Runs

_CALLS: Mapping[str, tuple[System, re.Pattern[str]]] = {
    DOCUMENTS["windows"]: (
        "windows",
        re.compile(
            r"& \{\n(?P<script>.*)\n\} -action '(?P<action>[a-z]*)' -version '(?P<version>[0-9.]*)'"
            r"(?P<more>(?: -[a-z]+ '(?:[^']|'')*')*)",
            re.DOTALL,
        ),
    ),
    DOCUMENTS["linux"]: (
        "linux",
        SHELL_CALL,
    ),
}
_PARAMETER = re.compile(r" -(?P<name>[a-z]+) '(?P<value>(?:[^']|'')*)'")


class RunCommand:
    """What the API does."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def send(self, call: Call) -> Struct:
        """Start a command on the instances that are named."""
        instances = call.parameters.get("InstanceIds")
        machines = [str(item) for item in instances] if isinstance(instances, list) else []
        known = _CALLS.get(call.text("DocumentName"))
        if known is None:
            raise ApiError("InvalidDocument", f"the sandbox has {' and '.join(_CALLS)} only")
        system, form = known
        if not machines or not all(self._runs.knows(machine) for machine in machines):
            raise ApiError("InvalidInstanceId", "Instances not in a valid state for account")
        parameters = call.parameters.get("Parameters")
        commands = parameters.get("commands") if isinstance(parameters, dict) else None
        called = form.fullmatch("\n".join(map(str, commands)) if isinstance(commands, list) else "")
        script, action, version = (
            (called["script"], called["action"], called["version"]) if called else ("", "stop", "")
        )
        more = _told(called) if called else {}
        command = str(uuid.uuid4())
        for machine in machines:
            self._runs.begin(command, machine, script=script, action=action, version=version, system=system, more=more)
        return {"Command": {"CommandId": command, "DocumentName": call.text("DocumentName"), "Status": "Pending"}}

    def invocation(self, call: Call) -> Struct:
        """Return how a command stands on one instance."""
        run = self._runs.find(call.text("CommandId"), call.text("InstanceId"))
        if run is None:
            raise ApiError("InvocationDoesNotExist", "An error occurred while retrieving the invocation")
        done = self._runs.now >= run.done_s
        status = ("Failed" if run.failed else "Success") if done else "InProgress"
        return {
            "CommandId": run.id,
            "InstanceId": run.machine,
            "Status": status,
            "ResponseCode": (1 if run.failed else 0) if done else -1,
            "StandardOutputContent": "" if run.failed or not done else "OK",
            "StandardErrorContent": run.failed if done else "",
        }


def _told(called: re.Match[str]) -> dict[str, str]:
    """Return what a script is given besides: parameters of PowerShell, or one word of JSON."""
    parts = called.groupdict()
    told = json.loads(parts.get("told") or "{}")
    words = {str(name): one if isinstance(one, str) else json.dumps(one) for name, one in told.items()}
    given = {name: value.replace("''", "'") for name, value in _PARAMETER.findall(parts.get("more") or "")}
    return {**words, **given}


def systems_manager_service(runs: Runs, *, interference: Interference | None = None) -> JsonService:
    """Return the service."""
    command = RunCommand(runs)
    return JsonService(
        name="ssm",
        operations={"SendCommand": command.send, "GetCommandInvocation": command.invocation},
        interference=interference or Undisturbed(),
    )
