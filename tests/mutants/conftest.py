"""The default cell of a cloud, brought up once for all that is asked of it: in process, on a stepped clock."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pytest
from pulumi.automation import LocalWorkspace, ProjectSettings, Stack

from cellctl import verify
from cellctl.clouds import AccountFacts, load
from cellctl.spec import CellSpec
from cellctl_sandbox import estate
from cellctl_sandbox.clouds import view
from cellctl_sandbox.host import SandboxHost, open_host
from cellctl_sandbox.testing.mutants import Mutant, Trial, catalogue
from cellctl_sandbox.testing.pretended import Reads

TWICE = verify.Patience(limit_s=1.0, every_s=1.0)
"""Checks give up after real seconds: on a busy machine a single failure says nothing."""
FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
pytest.register_assert_rewrite("wrong_programs")

REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
ACCOUNTS = {"aws": "000000000000", "azure": "00000000-0000-0000-0000-000000000001"}


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A cell that works, and everything that may be missing from it."""

    cloud: str
    trial: Trial
    mutants: list[Mutant]
    taken: Mapping[str, set[str]]
    reads: Reads


@pytest.fixture(scope="class")
def mutation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    cloud = request.cls.cloud
    with trial_of(cloud, tmp_path_factory.mktemp(cloud)) as found:
        yield found


@contextmanager
def trial_of(cloud: str, home: Path) -> Iterator[Mutation]:
    """Bring the default cell of a cloud up and give its trial and mutants."""
    host, reads = open_host(home=home, cell="acme", cloud=cloud, clock="stepped"), Reads()
    tracing = pytest.MonkeyPatch()
    for reader in (estate, view):
        tracing.setattr(reader, "CloudObject", reads.made)
    try:
        workspace = _workspace(home, host)
        stack = Stack.create_or_select("cell-acme", workspace)
        found = load(cloud)
        body = {"cloud": cloud, "account": "sandbox", "region": REGIONS[cloud]}
        layout = found.layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}))
        account = AccountFacts(id=ACCOUNTS[cloud], sandbox=True)
        taken: dict[str, set[str]] = {}

        def program() -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pulumi, "get", _recording(taken))
                found.program(layout, account)

        workspace.program = program
        host.embedded.bind(program)
        outputs = {key: output.value for key, output in stack.up().outputs.items()}

        def failures(patience: verify.Patience = TWICE) -> Sequence[str]:
            results = verify.run(outputs, host.dialer, secrets=host.secrets, patience=patience, sleep=host.sleep)
            return [item.message for item in results if not item.passed]

        trial = Trial(host, "acme", failures)
        assert failures(verify.Patience()) == []
        yield Mutation(
            cloud=cloud, trial=trial, mutants=catalogue(trial.records, list(_waits(stack))), taken=taken, reads=reads
        )
    finally:
        tracing.undo()
        host.close()


def _recording(taken: dict[str, set[str]]) -> Callable[[pulumi.Resource, str], object]:
    """Return `pulumi.get` that records which output of which type is taken."""
    get = pulumi.get

    def recorded(owner: object, name: str) -> object:
        if isinstance(owner, pulumi.CustomResource):
            taken.setdefault(owner.pulumi_resource_type, set()).add(name)
        return get(owner, name)

    return recorded


def _workspace(home: Path, host: SandboxHost) -> LocalWorkspace:
    (home / "work").mkdir()
    (home / "state").mkdir()
    return LocalWorkspace(
        work_dir=str(home / "work"),
        project_settings=ProjectSettings(name="octopus-cells", runtime="python"),
        env_vars={"PULUMI_BACKEND_URL": f"file://{home}/state", "PULUMI_CONFIG_PASSPHRASE": "test"},
        pulumi_command=host.command,
        program=lambda: None,
    )


def _waits(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield the explicit dependencies of a stack: what is waited for though no input comes from it."""
    for resource in json.loads(json.dumps(stack.export_stack().deployment))["resources"]:
        by_input = {urn for urns in (resource.get("propertyDependencies") or {}).values() for urn in urns}
        for urn in resource.get("dependencies") or []:
            if urn not in by_input:
                yield resource["urn"], urn
