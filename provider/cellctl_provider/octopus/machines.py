"""Runs one script on the machine of a node: Systems Manager's Run Command on AWS, managed Run Command on Azure.

On Windows it is PowerShell, on Linux bash.

Both are agents that the clouds keep on the machine, so no port is open for this. Arguments are an action, a version,
and names of what else it needs; there is no secret to pass. A run that was begun is waited for; one that is sent again
finds its work done.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from cellctl_provider.aws.clients import tolerated, translated
from cellctl_provider.azure import resource_manager as manager
from cellctl_provider.polling import poll
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from cellctl.state.values import Struct, Value
    from cellctl_provider.context import Context

Action = Literal["fetch", "stop", "start", "upgrade", "queue"]
System = Literal["windows", "linux"]
SCRIPT = files("cellctl_provider.octopus").joinpath("machine.ps1").read_text(encoding="utf-8")
SHELL_SCRIPT = files("cellctl_provider.octopus").joinpath("machine.sh").read_text(encoding="utf-8")
DOCUMENTS: Mapping[System, str] = {"windows": "AWS-RunPowerShellScript", "linux": "AWS-RunShellScript"}
LIMIT_S = 3600
"""How long an action may take; an upgrade of a large schema is the longest."""
_EVERY_S = 15.0
_PARAMETERS = {"api-version": "2024-03-01", "$expand": "instanceView"}
_COMMAND = "cellctl-octopus"
_VERSION = re.compile(r"\d{4}\.\d{1,2}\.\d{1,6}")
_VIRTUAL_MACHINE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/virtualMachines/[^/]+", re.IGNORECASE
)
_UNDER_WAY = ("Pending", "InProgress", "Delayed", "Cancelling")


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Where a node runs: an EC2 instance id or the ARM id of a virtual machine, its region, what it runs."""

    id: str
    region: str = ""
    system: System = "windows"


def run(
    context: Context, machine: Machine, action: Action, *, version: str = "", more: Mapping[str, str] | None = None
) -> None:
    """Run an action on a machine and wait for its end.

    `more` are further parameters of the script by name; nobody but the cloud and the machine reads them.

    Raises:
        ProviderError: It failed, with the last line it wrote; or the machine takes no commands (`unreachable`).
    """
    if version and not _VERSION.fullmatch(version):
        raise ProviderError(f"{version} is not a version of Octopus Server", code="invalid")
    given = {"version": version, **(more or {})}
    if not _VIRTUAL_MACHINE.fullmatch(machine.id):
        _on_aws(context, machine, action, given)
    else:
        _on_azure(context, machine, action, given)


def _short(machine: Machine) -> str:
    return machine.id.rpartition("/")[2]


def call_of(system: System, action: Action, given: Mapping[str, str]) -> str:
    """Return the script of an operating system with the call of one action in it; `given` has at least `version`."""
    if system == "linux":
        others = _told({key: value for key, value in given.items() if key != "version"})
        return f"{SHELL_SCRIPT}\nmain '{action}' '{given['version']}'{others}"
    more = "".join(f" -{key} {_quoted(value)}" for key, value in given.items())
    return f"& {{\n{SCRIPT}\n}} -action '{action}'{more}"


def _told(given: Mapping[str, str]) -> str:
    """Return what bash is given besides, as one word of JSON; `mount` is JSON itself."""
    if not given:
        return ""
    told = {key: json.loads(value) if key == "mount" else value for key, value in sorted(given.items())}
    return " '" + json.dumps(told, ensure_ascii=True).replace("'", r"\u0027") + "'"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _failed(action: Action, machine: Machine, wrote: str) -> ProviderError:
    last = next((line.strip() for line in reversed(wrote.splitlines()) if line.strip()), "it wrote nothing")
    return ProviderError(f"{action} failed on {_short(machine)}: {last[:300]}")


def _on_aws(context: Context, machine: Machine, action: Action, given: Mapping[str, str]) -> None:
    client = context.aws.systems_manager(machine.region)
    what = f"{action} on {machine.id}"
    call = call_of(machine.system, action, given)

    def sent() -> str | None:
        """A machine that has just booted is not known yet."""
        answer: Mapping[str, object] = {}
        with translated(what), tolerated("InvalidInstanceId"):
            answer = client.send_command(
                InstanceIds=[machine.id],
                DocumentName=DOCUMENTS[machine.system],
                Comment=f"cellctl: {action} {given['version']}".strip(),
                Parameters={"commands": call.split("\n"), "executionTimeout": [str(LIMIT_S)]},
            )
        command = answer.get("Command")
        return str(command["CommandId"]) if isinstance(command, Mapping) else None

    command = poll(context, sent, what=f"{machine.id} taking commands", every_s=_EVERY_S, limit_s=600)

    def ended() -> Mapping[str, object] | None:
        found: Mapping[str, object] = {}
        with translated(what), tolerated("InvocationDoesNotExist"):
            found = client.get_command_invocation(CommandId=command, InstanceId=machine.id)
        return found if found.get("Status", "Pending") not in _UNDER_WAY else None

    result = poll(context, ended, what=what, every_s=_EVERY_S, limit_s=LIMIT_S)
    if result["Status"] != "Success":
        raise _failed(action, machine, str(result.get("StandardErrorContent") or result["Status"]))


def _on_azure(context: Context, machine: Machine, action: Action, given: Mapping[str, str]) -> None:
    path = f"{machine.id}/runCommands/{_COMMAND}"
    what = f"{action} on {_short(machine)}"
    # A request that is like the last one would not be run again.
    run = secrets.token_hex(8)
    told = {"action": action, **given, "run": run} if machine.system == "windows" else {"run": run}
    parameters: list[Value] = [{"name": key, "value": value} for key, value in told.items()]
    # PowerShell takes parameters by name; for bash their call is in the text.
    script = SCRIPT if machine.system == "windows" else call_of(machine.system, action, given)
    body: Struct = {
        "location": machine.region,
        "properties": {
            "source": {"script": script},
            "parameters": parameters,
            "timeoutInSeconds": LIMIT_S,
            "asyncExecution": False,
        },
    }

    def sent() -> bool | None:
        """A run that another process began goes first."""
        answer = manager.asked(context, "PUT", path, _PARAMETERS, body)
        return None if answer.status_code == 409 else bool(manager.accepted(answer, what))

    poll(context, sent, what=f"{what} begins", every_s=_EVERY_S, limit_s=LIMIT_S)

    def ended() -> Struct | None:
        found = manager.accepted(manager.asked(context, "GET", path, _PARAMETERS), what)
        view = _member(_member(found, "properties"), "instanceView")
        return view if view.get("executionState") not in ("Running", "Pending", "Unknown", None) else None

    result = poll(context, ended, what=what, every_s=_EVERY_S, limit_s=LIMIT_S)
    if result.get("executionState") != "Succeeded":
        raise _failed(action, machine, str(result.get("error") or result.get("executionState")))


def _member(document: Struct, key: str) -> Struct:
    found = document.get(key)
    return found if isinstance(found, dict) else {}
