"""A whole cell through the embedded engine and the simulated cloud: up, and changed in place.

That nothing is left to do, and how a cell goes, is in tests/functional/test_first_cells.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pulumi.automation import LocalWorkspace, ProjectSettings, Stack

from cellctl import verify
from cellctl.clouds import AccountFacts, load
from cellctl.spec import CellSpec
from cellctl_sandbox.host import SandboxHost, open_host

ACCOUNT = AccountFacts(id="00000000-0000-0000-0000-000000000001", sandbox=True)


def program_of(**body: object) -> Callable[[], None]:
    cloud = load("azure")
    spec = CellSpec.model_validate(
        {"metadata": {"name": "acme"}, "spec": {"cloud": "azure", "account": "sandbox", "region": "westeurope", **body}}
    )
    layout = cloud.layout(spec)
    return lambda: cloud.program(layout, ACCOUNT)


class Runner:
    """One stack in one sandbox."""

    def __init__(self, home: Path, host: SandboxHost) -> None:
        self.host = host
        work = home / "work"
        work.mkdir()
        (home / "state").mkdir()
        self.workspace = LocalWorkspace(
            work_dir=str(work),
            project_settings=ProjectSettings(name="octopus-cells", runtime="python"),
            env_vars={"PULUMI_BACKEND_URL": f"file://{home}/state", "PULUMI_CONFIG_PASSPHRASE": "test"},
            pulumi_command=host.command,
            program=lambda: None,
        )
        self.stack = Stack.create_or_select("cell-acme", self.workspace)

    def use(self, program: Callable[[], None]) -> None:
        self.workspace.program = program
        self.host.embedded.bind(program)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    host = open_host(home=tmp_path, cell="acme", cloud="azure", clock="stepped")
    try:
        yield Runner(tmp_path, host)
    finally:
        host.close()


def counts(summary: object) -> dict[str, int]:
    return {getattr(key, "value", key): value for key, value in dict(summary).items()}  # type: ignore[call-overload]


def test_a_cell_comes_up_answers_and_changes_in_place(runner: Runner) -> None:
    runner.use(program_of())
    made = runner.stack.up()
    assert set(counts(made.summary.resource_changes)) == {"create"}
    found = verify.run(
        {key: output.value for key, output in made.outputs.items()},
        runner.host.dialer,
        secrets=runner.host.secrets,
        sleep=runner.host.sleep,
    )
    kinds = ["node", "node", "web", "polling", "polling", "closed", "closed", "database"]
    assert [(check.kind, check.passed) for check in found] == [(kind, True) for kind in kinds]

    body = {
        "nodes": {"count": 3, "size": "large"},
        "database": {"retentionDays": 30, "tier": "large"},
        "storage": {"sizeGiB": 2000},
        "ingress": {"allow": ["10.1.0.0/16"]},
        "octopus": {"taskCap": 20},
    }
    runner.use(program_of(**body))
    changed = counts(runner.stack.up().summary.resource_changes)
    assert set(changed) == {"same", "update", "create"}, "a change of size replaces nothing"
