"""A home in which cell `acme` runs, changed through the library; and everything that was ever said of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from warm import client

from cellctl.cell import Cell
from cellctl.errors import GuardError, Objection
from cellctl.events import Event, PlanReady
from cellctl.home import Home
from cellctl.plan import Plan
from cellctl.run.options import RunOptions
from cellctl.state.values import Value
from cellctl_sandbox.control import Control

LICENCES = {
    "aws": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:octopus/licence",
    "azure": "https://kv-octopus-licences.vault.azure.net/secrets/octopus-licence",
}
REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}


def licence(nodes: int) -> str:
    return f"<License><NodeLimit>{nodes}</NodeLimit></License>"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How an `up` ended: `result` is the outcome's, or `refused` with the objections."""

    result: str
    plan: Plan | None
    changes: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, Value] = field(default_factory=dict)
    objections: Sequence[Objection] = ()
    failures: str = ""

    @property
    def codes(self) -> list[str]:
        return [item.code for item in self.objections]

    @property
    def warnings(self) -> str:
        return " ".join(item.message for item in self.plan.diagnostics) if self.plan else ""


@dataclass
class RunningHome:
    root: Path
    cloud: str
    said: list[str] = field(default_factory=list)

    @property
    def cell(self) -> Cell:
        return Cell.open("acme", home=Home(self.root))

    @property
    def control(self) -> Control:
        return Control(self.root)

    def options(self, **more: object) -> RunOptions:
        return RunOptions(clock="stepped", start=client.operation, **more)  # type: ignore[arg-type]

    def up(self, *allow: str, **more: object) -> Ended:
        """Bring the cell to what its file says, in stepped time."""
        plans: list[Plan] = []

        def heard(event: Event) -> None:
            self.said.append(repr(event))
            plans.extend([event.plan] if isinstance(event, PlanReady) else [])

        options = self.options(allow=frozenset(allow), **more)
        try:
            outcome = self.cell.up(ask=lambda _plan, _objections: True, options=options, on_event=heard)
        except GuardError as error:
            self.said.append(repr(error.objections))
            return Ended(result="refused", plan=plans[-1] if plans else None, objections=error.objections)
        self.said.append(repr(outcome))
        return Ended(
            result=outcome.result, plan=plans[-1], changes=outcome.changes, outputs=outcome.outputs,
            failures=repr(outcome.failures),
        )  # fmt: skip

    def nodes(self) -> list[tuple[str, str, int, str]]:
        return [(node.name, node.version, node.task_cap, node.state) for node in self.cell.status().nodes]

    def rewrite(self, *pairs: tuple[str, str]) -> None:
        """Change the cell's file; each pattern stands in it once."""
        file = self.root / "cells" / "acme.yaml"
        text = file.read_text()
        for pattern, instead in pairs:
            text, count = re.subn(pattern, instead, text)
            assert count == 1, f"{pattern} in {text}"
        file.write_text(text)

    def write(self, licence: str) -> None:
        """Write the cell's file anew, with a licence's secret."""
        (self.root / "cells").mkdir(exist_ok=True)
        (self.root / "cells" / "acme.yaml").write_text(
            "apiVersion: cellctl/v1\nkind: Cell\nmetadata: {name: acme}\nspec:\n"
            f"  cloud: {self.cloud}\n  account: sandbox\n  region: {REGIONS[self.cloud]}\n"
            "  octopus:\n    version: 2026.4.7000\n    taskCap: 10\n"
            f"    licence: {{secret: {licence!r}}}\n"
            "    administrator: {username: admin, email: a@example.com}\n"
            "  nodes:\n    count: 2\n    roles: [both, both]\n"
            f"{'  database: {geoBackup: true}' if self.cloud == 'aws' else ''}\n"
        )
