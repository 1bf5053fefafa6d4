"""The default cell of a cloud in the sandbox: in process, on a stepped clock, with the code that `cellctl up` runs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pulumi.automation import LocalWorkspace, ProjectSettings, Stack

from cellctl import verify
from cellctl.clouds import AccountFacts, Cloud, load
from cellctl.spec import CellSpec
from cellctl_sandbox import deposits
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.configuration import unconfigured
from cellctl_sandbox.host import SandboxHost, open_host

REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
ACCOUNTS = {"aws": "000000000000", "azure": "00000000-0000-0000-0000-000000000001"}
TWICE = verify.Patience(limit_s=1.0, every_s=1.0)
"""Checks give up after real seconds: on a busy machine a single failure says nothing."""
SETTLED = verify.Patience(limit_s=120.0, every_s=30.0)
"""A name that was made a moment ago is not found everywhere yet."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell that came up. `failures` are what `verify` finds wrong now."""

    host: SandboxHost
    stack: Stack
    failures: Callable[..., Sequence[str]]


@contextmanager
def brought_up(
    home: Path,
    cloud: str,
    *,
    asked: Mapping[str, object] | None = None,
    secrets: Sequence[str] = (),
    providers: Callable[[dict], dict] = lambda factories: factories,
    program: Callable[[Callable[[], None]], Callable[[], None]] = lambda it: it,
) -> Iterator[Cell]:
    """Bring a cell up, the default one but for what is `asked`; `providers` and `program` may change what makes it.

    `secrets` are there before it, as a person would have put them.

    A home in which a run of it was cut off is gone on with.

    Raises:
        CommandError: It does not come up.
    """
    host = open_host(home=home, cell="acme", cloud=cloud, clock="stepped")
    factories = host.providers()
    host.providers = lambda: providers(factories)  # type: ignore[method-assign]
    gc.disable()  # as an operation process does
    try:
        found = load(cloud)
        body = {"cloud": cloud, "account": "sandbox", "region": REGIONS[cloud], **(asked or {})}
        spec = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})
        for reference in secrets:
            deposits.ensure(host.database, reference, 0.0)
            host.secrets.write(reference, "something")
        named = spec.spec.network.existing or secrets
        layout = found.layout(spec, site=_site(found, spec, host, own=bool(secrets))) if named else found.layout(spec)
        account = AccountFacts(id=ACCOUNTS[cloud], sandbox=True)
        made = program(lambda: found.program(layout, account))
        stack = Stack.create_or_select("cell-acme", workspace(home, host, made))
        host.embedded.bind(made)
        outputs = {key: output.value for key, output in stack.up().outputs.items()}

        def failures(patience: verify.Patience = TWICE) -> Sequence[str]:
            results = verify.run(outputs, host.dialer, secrets=host.secrets, patience=patience, sleep=host.sleep)
            return [item.message for item in results if not item.passed]

        yield Cell(host=host, stack=stack, failures=failures)
    finally:
        host.close()
        SimulatedClock.of(host.database).stop()
        host.database.close()
        gc.enable()


def _site(cloud: Cloud, spec: CellSpec, host: SandboxHost, *, own: bool) -> Mapping[str, object]:
    """Return what is seen of what others have: in the account of the cell, or of vaults that people put there."""
    assert cloud.settle is not None
    account = unconfigured("azure-native").account if own else ACCOUNTS[spec.spec.cloud]
    return cloud.settle(spec, partial(host.sites.look, account), exists=False, place=None)


def workspace(home: Path, host: SandboxHost, program: Callable[[], None]) -> LocalWorkspace:
    """Return the workspace of a program in a home of the sandbox."""
    (home / "work").mkdir(exist_ok=True)
    (home / "state").mkdir(exist_ok=True)
    return LocalWorkspace(
        work_dir=str(home / "work"),
        project_settings=ProjectSettings(name="octopus-cells", runtime="python"),
        env_vars={"PULUMI_BACKEND_URL": f"file://{home}/state", "PULUMI_CONFIG_PASSPHRASE": "test"},
        pulumi_command=host.command,
        program=program,
    )
