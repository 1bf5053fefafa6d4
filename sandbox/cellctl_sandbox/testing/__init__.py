"""Tests of your own Pulumi programs against simulated clouds: no CLI, no network, no account (docs/guides).

    def test_it_settles(pulumi_sandbox):
        stack = pulumi_sandbox.stack("dev", program, config={"size": 3}, secrets={"password": "hunter2!"})
        assert stack.up().op("bucket") == "create"
        stack.assert_stable()

The pytest fixture `pulumi_sandbox` comes with the package (entry-point group `pytest11`) and gives a fresh
`PulumiSandbox` to every test; without pytest it is a context manager over a folder. The names below are the public
ones; importing this module loads none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellctl_sandbox.testing.account import Call, Cloud, SimulatedObject
    from cellctl_sandbox.testing.outcome import Diagnostic, OperationFailed, Outcome, PropertyChange, Step
    from cellctl_sandbox.testing.own_provider import OwnProvider
    from cellctl_sandbox.testing.sandbox import Fault, PulumiSandbox, SimulatedTime
    from cellctl_sandbox.testing.stack import SandboxStack

__all__ = [
    "Call",
    "Cloud",
    "Diagnostic",
    "Fault",
    "OperationFailed",
    "Outcome",
    "OwnProvider",
    "PropertyChange",
    "PulumiSandbox",
    "SandboxStack",
    "SimulatedObject",
    "SimulatedTime",
    "Step",
]
_HOMES = {
    **dict.fromkeys(("Call", "Cloud", "SimulatedObject"), "account"),
    **dict.fromkeys(("Diagnostic", "OperationFailed", "Outcome", "PropertyChange", "Step"), "outcome"),
    **dict.fromkeys(("Fault", "PulumiSandbox", "SimulatedTime"), "sandbox"),
    "OwnProvider": "own_provider",
    "SandboxStack": "stack",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
