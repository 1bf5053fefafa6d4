"""One combination of options, from the first `up` over kills and changes to what is left when it is gone.

What is of one cloud is in `on_aws` and `on_azure`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from warm import client, keys

from cellctl.cell import Cell
from cellctl.home import Home
from cellctl.plan import Outcome
from cellctl.reef import Reef
from cellctl.run.options import RunOptions
from cellctl.run.registry import check
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.control import Control

HEAD = (
    "apiVersion: cellctl/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n  cloud: {}\n  account: sandbox\n  region: {}\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Combination:
    """What a cell is made of. `way` is what only one cloud leaves open: its files' protocol, or its web's balancer."""

    placement: str
    way: str
    os: str
    polling: str

    @property
    def name(self) -> str:
        """A word for it."""
        return "-".join(self.words)

    @property
    def words(self) -> tuple[str, str, str, str]:
        """Its options, in the order of their columns."""
        return self.placement, self.way, self.os, self.polling


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What a cell's file says at one moment; `certificate` is `` for one of the cell's own."""

    nodes: int
    size_gib: int
    tier: str
    certificate: str


class Walk(ABC):
    """A home with the combination's cell, and its reef where it has one."""

    package: ClassVar[str]
    cloud: ClassVar[str]
    region: ClassVar[str]
    throttled: ClassVar[str]
    """Types whose service throttles while the cell comes up."""
    third: ClassVar[str]
    """Logical name of the third node's step."""

    def __init__(self, root: Path, combination: Combination) -> None:
        self.root, self.home, self.control, self.made_of = root, Home(root), Control(root), combination
        self.home.prepare()
        keys.give(root)
        self.home.write_file()
        self.options = RunOptions(clock="stepped", start=client.operation)
        for folder in ("cells", "reefs"):
            (root / folder).mkdir(exist_ok=True)
        self.certificates = self.prepare()
        self._write(Stage(nodes=2, size_gib=200, tier="small", certificate=self.certificates[0]))
        self.before = self._left()

    @abstractmethod
    def prepare(self) -> tuple[str, str]:
        """Put into the account what is the platform team's own; return the certificates before and after a rotation."""

    @abstractmethod
    def cell_body(self, stage: Stage) -> list[str]:
        """Return the lines of the cell's spec that are of this cloud."""

    @abstractmethod
    def reef_body(self, stage: Stage) -> list[str]:
        """Return the lines of the reef's spec that are of this cloud."""

    @abstractmethod
    def has_changed(self) -> None:
        """Assert that storage, database and certificate are what the file says after the changes."""

    @abstractmethod
    def keeps(self, left: set[str]) -> None:
        """Assert that what is left in the account is what the cloud's retention rules say."""

    def _write(self, stage: Stage) -> None:
        one = self.made_of
        roles = ", ".join(["both"] * stage.nodes)
        body = [f"  nodes: {{count: {stage.nodes}, os: {one.os}, roles: [{roles}]}}", *self.cell_body(stage)]
        if one.placement == "reef":
            body.append("  placement: {reef: r1}")
            told = [f"  database: {{tier: {stage.tier}}}", *self.reef_body(stage)]
            self._file("reefs", "Reef", "r1", told)
        else:
            body.append(f"  database: {{tier: {stage.tier}}}")
        self._file("cells", "Cell", "acme", body)

    def _file(self, folder: str, kind: str, name: str, body: list[str]) -> None:
        text = HEAD.format(kind, name, self.cloud, self.region) + "\n".join(body) + "\n"
        (self.root / folder / f"{name}.yaml").write_text(text)

    @property
    def cell(self) -> Cell:
        """The cell."""
        return Cell.open("acme", home=self.home)

    @property
    def reef(self) -> Reef | None:
        """Its reef, None where it has none."""
        return Reef.open("r1", home=self.home) if self.made_of.placement == "reef" else None

    def run(self) -> None:
        """Walk all of it."""
        self.comes_up()
        self.changes()
        self.goes()

    def comes_up(self) -> None:
        """Bring it up through a throttled service and a process that is killed; nothing is left to do then."""
        if self.reef:
            self._up(self.reef)
        self._strike(type=self.throttled, op="create", effect="error", error="throttle", count=3)
        self._strike(type="cellctl:sql:CellDatabase", op="create", effect="crash", count=1)
        outcome = self._through(self.cell, least=1)
        assert len(outcome.checks) > 5
        self._stands(2)

    def changes(self) -> None:
        """Add a node, grow the storage, resize the database and rotate the certificate, all in a run that is struck."""
        self._write(Stage(nodes=3, size_gib=2000, tier="standard", certificate=self.certificates[1]))
        if self.reef:
            self._up(self.reef)
        self._strike(type="cellctl:octopus:Node", name=self.third, op="create", effect="crash", count=1)
        self._through(self.cell, least=1)
        self._stands(3)
        self.has_changed()

    def goes(self) -> None:
        """Take it away; what is left is what the outcome names, and nothing else."""
        said = [*self._down(self.cell).retained]
        if self.reef:
            said += self._down(self.reef).retained
        left = self._left() - self.before
        unnamed = sorted(one for one in left if not any(one in line for line in said))
        assert unnamed == []
        self.keeps(left)
        assert check(self.home).violations == ()

    def _stands(self, count: int) -> None:
        nodes = [(node.name, node.state) for node in self.cell.status().nodes]
        assert nodes == [(f"acme-{number}", "active") for number in range(1, count + 1)]
        addresses = self.cell.outputs()["pollAddresses"]
        assert len(addresses) == (1 if self.made_of.polling == "redis" else count)  # type: ignore[arg-type]
        plan = self.cell.preview(options=self.options)
        assert plan.empty, [change.urn for change in plan.changes if change.action != "same"]

    def _strike(self, **rule: object) -> None:
        self.control.add_fault(rule)

    def _through(self, handle: Cell | Reef, *, least: int) -> Outcome:
        """Bring it up however often it is struck, `least` times at least: the same command again gets there."""
        for struck in range(5):
            outcome = handle.up(ask=lambda *_: True, options=self.options)
            if outcome.result == "succeeded":
                assert struck >= least
                self.control.clear_faults()
                return outcome
            assert outcome.result == "failed", outcome
        raise AssertionError(outcome.failures)

    def _up(self, handle: Cell | Reef) -> Outcome:
        outcome = handle.up(ask=lambda *_: True, options=self.options)
        assert outcome.result == "succeeded", outcome.failures
        return outcome

    def _down(self, handle: Cell | Reef) -> Outcome:
        outcome = handle.down(ask=lambda *_: True, delete_data=True, options=self.options)
        assert outcome.result == "succeeded", outcome.failures
        return outcome

    def of(self, type_: str, key: str) -> Iterator[dict[str, object]]:
        """Return the inputs of every living object of a type that has a value for `key`."""
        query = "SELECT inputs FROM objects WHERE type = ? AND gone_s IS NULL"
        rows = [json.loads(str(row)) for (row,) in Database.open(self.root).rows(query, (type_,))]
        return [row for row in rows if row.get(key)]  # type: ignore[return-value]

    def _left(self) -> set[str]:
        """Return the ids of everything that is in the account."""
        query = "SELECT id FROM objects WHERE gone_s IS NULL AND package = ?"
        return {str(found) for (found,) in Database.open(self.root).rows(query, (self.package,))}
