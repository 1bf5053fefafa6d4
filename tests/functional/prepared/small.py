"""A cell in a small world, brought up through a real operation process and the embedded engine."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from warm import client, keys

from cellctl.cell import Cell
from cellctl.engine.operation import Process
from cellctl.engine.wire import Setup
from cellctl.errors import Objection
from cellctl.events import Event
from cellctl.home import Home
from cellctl.plan import Outcome, Plan
from cellctl.run.options import Interrupter, RunOptions
from cellctl.spec import CellSpec
from cellctl_sandbox.testing.small_world import World

ENGINE = "cellctl_sandbox.testing.small_world:open_host"
TWO = [{"name": "a", "size": 1, "fixed": "x", "protect": True}, {"name": "b", "size": 2, "of": "a"}]


class Small:
    """A cell in a small world, and what happened to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = Home(root)
        self.home.prepare()
        keys.give(root)
        self.cell = Cell(CellSpec.minimal("acme", cloud="aws", region="eu-west-1"), home=self.home)
        self.events: list[Event] = []
        self.plans: list[tuple[Plan, Sequence[Objection]]] = []
        self.process: Process | None = None
        self.declare(TWO)

    def label(self, **labels: str) -> None:
        """Give the cell labels: the small program takes properties from them."""
        assert self.cell.spec is not None
        metadata = self.cell.spec.metadata.model_copy(update={"labels": labels})
        self.cell = Cell(self.cell.spec.model_copy(update={"metadata": metadata}), home=self.home)

    def declare(self, things: list[dict[str, object]], **behaviour: object) -> None:
        (self.root / "small.json").write_text(json.dumps({"things": things, "behaviour": behaviour}))

    def yes(self, plan: Plan, objections: Sequence[Objection]) -> bool:
        self.plans.append((plan, objections))
        return True

    def start(self, setup: Setup, channel: socket.socket) -> Process:
        self.process = client.operation(setup, channel)
        return self.process

    def options(self, **more: object) -> RunOptions:
        return RunOptions(engine=ENGINE, start=self.start, **more)  # type: ignore[arg-type]

    def up(self, interrupter: Interrupter | None = None, **more: object) -> Outcome:
        return self.cell.up(
            ask=self.yes, options=self.options(**more), on_event=self.events.append, interrupter=interrupter
        )

    def down(self, **flags: bool) -> Outcome:
        return self.cell.down(ask=self.yes, options=self.options(), on_event=self.events.append, **flags)

    @property
    def objects(self) -> list[str]:
        return [urn.rsplit("::", 1)[-1] for urn, _ in World(self.root).objects().values()]

    def wait_reached(self, name: str) -> None:
        until = time.monotonic() + 20
        while not (self.root / f"reached-{name}").exists():
            assert time.monotonic() < until, "the operation never came there"
            time.sleep(0.02)

    def child(self) -> int:
        """Return the pid of the operation process under way."""
        assert self.process is not None
        return self.process.pid
