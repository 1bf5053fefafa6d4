"""`cellctl import`: a database that others made, and a gateway whose state was lost, taken over and never replaced."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from prepared.home import RunningHome
from warm import client, keys

from cellctl.cell import Cell
from cellctl.engine.workspace import stack_name
from cellctl.errors import GuardError, UsageError
from cellctl.events import Event, PlanReady, ResourceDone
from cellctl.facts.imports import kinds
from cellctl.home import Home
from cellctl.plan import Outcome, Plan
from cellctl.run.importing import resolved
from cellctl.run.options import RunOptions
from cellctl.run.session import checkpoint_text
from cellctl.run.target import living, of_stack
from cellctl.spec import CellSpec
from cellctl.state.resources import without_references
from cellctl_sandbox.clouds.configuration import unconfigured
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import Tenancy
from cellctl_sandbox.control import Control
from cellctl_sandbox.deposits import create

pytestmark = pytest.mark.turn(3, 1)

RDS = "aws:rds/instance:Instance"
FILE = (
    "apiVersion: cellctl/v1\nkind: Cell\nmetadata: {name: acme}\n"
    "spec:\n  cloud: aws\n  account: sandbox\n  region: eu-west-1\n"
)


@dataclass
class Legacy:
    """A home, and in its account a database and its key, which others made by hand."""

    root: Path
    key: str = ""
    pids: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        home = Home(self.root)
        home.prepare()
        keys.give(self.root)
        home.write_file()
        (self.root / "cells").mkdir()
        account = unconfigured("aws").account
        root = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        services = ["logs.eu-west-1.amazonaws.com", "cloudwatch.amazonaws.com"]
        policy = str({"Version": "2012-10-17", "Statement": [root, {**root, "Principal": {"Service": services}}]})
        key = self.make("aws:kms/key:Key", description="legacy", policy=policy.replace("'", '"'))
        self.key = f"arn:aws:kms:eu-west-1:{account}:key/{key}"
        self.make(
            RDS, identifier="legacy-sql", engine="sqlserver-se", engineVersion="16.00", instanceClass="db.m6i.xlarge",
            allocatedStorage=200, username="cellmaster", licenseModel="license-included", storageEncrypted=True,
            kmsKeyId=self.key, timezone="UTC", characterSetName="SQL_Latin1_General_CP1_CI_AS", multiAz=True,
            manageMasterUserPassword=True, storageType="gp3", skipFinalSnapshot=True,
        )  # fmt: skip

    def make(self, kind: str, **inputs: object) -> str:
        place = Tenancy(package="aws", account=unconfigured("aws").account, region="eu-west-1")
        made = create(Database.open(self.root), place, kind, dict(inputs), Control(self.root).now())  # type: ignore[arg-type]
        return made.id

    def write(self, more: str = "") -> None:
        (self.root / "cells" / "acme.yaml").write_text(FILE + more)

    @property
    def cell(self) -> Cell:
        return Cell.open("acme", home=Home(self.root))

    def start(self, *given):
        process = client.operation(*given)
        self.pids.append(process.pid)
        return process

    def take(self, on_event: Callable[[Event], None] = lambda event: None, **objects: str) -> Outcome:
        options = RunOptions(clock="stepped", start=self.start)
        return self.cell.import_objects(objects, ask=lambda *_: True, options=options, on_event=on_event)

    def databases(self) -> Sequence[tuple[object, ...]]:
        return Database.open(self.root).rows(
            f"SELECT uid, id, name FROM objects WHERE type = '{RDS}' AND gone_s IS NULL"
        )


def test_a_database_of_others_becomes_a_cells_and_is_never_replaced(tmp_path: Path) -> None:
    legacy = Legacy(tmp_path)
    legacy.write()
    ((uid, id_, _),) = legacy.databases()
    with pytest.raises(UsageError, match="no 'nobody' to take over as acme-sql-instance") as missing:
        legacy.take(database="nobody")
    assert missing.value.code == "import_missing"
    with pytest.raises(GuardError) as refused:  # the file says a key of the cell's own, and a database keeps its key
        legacy.take(database="legacy-sql")
    (objection,) = [one for one in refused.value.objections if one.code == "import_replaces"]
    assert "kmsKeyId" in objection.reason
    assert not objection.flag

    legacy.write(f"  protection: {{key: '{legacy.key}'}}\n")
    plans: list[Plan] = []

    def kill(event: Event) -> None:
        plans.extend([event.plan] if isinstance(event, PlanReady) else [])
        if isinstance(event, ResourceDone) and event.name == "acme-sql-parameters":
            os.kill(legacy.pids[-1], signal.SIGKILL)

    killed = legacy.take(kill, database="legacy-sql")
    assert killed.result == "failed"
    (change,) = [one for one in plans[0].changes if one.type == RDS]
    assert (change.action, plans[0].of_cloud()["replace"], plans[0].of_cloud()["delete"]) == ("import", 0, 0)
    assert {"identifier", "deletionProtection", "backupRetentionPeriod"} <= {item.path for item in change.diff}
    assert not [item.path for item in change.diff if item.replaces]
    assert legacy.databases() == [(uid, id_, "legacy-sql")]

    done = legacy.take(database="legacy-sql")
    assert done.result == "succeeded", done.failures
    assert "database octo_acme_g1 opens as octo_acme_a" in done.checks
    assert legacy.databases() == [(uid, id_, "cell-acme-sql")]
    assert legacy.cell.preview(options=RunOptions(clock="stepped", start=client.operation)).empty


def test_a_gateway_and_database_that_a_state_has_lost_come_back_unchanged(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("aws", tmp_path)
    target = of_stack(Home(tmp_path), "acme", home.options())
    loaded = target.load()
    assert loaded is not None
    ids = {row.urn.rpartition("::")[2] + " " + row.type: row for row in living(loaded.checkpoint)}
    lost = {
        "database": ids[f"acme-sql-instance {RDS}"],
        "gateway": ids["acme-gateway-gateway cellctl:aws:FileGateway"],
        "gateway-machine": ids["acme-gateway-instance aws:ec2/instance:Instance"],
        "gateway-interface": ids["acme-gateway-interface aws:ec2/networkInterface:NetworkInterface"],
        "gateway-cache": ids["acme-gateway-cache-1 aws:ebs/volume:Volume"],
    }
    gone = {row.urn: row.parent for row in lost.values()}
    rows = tuple(without_references(row, gone) for row in loaded.checkpoint.resources if row.urn not in gone)
    assert target.files is not None
    target.files.write(stack_name("acme"), checkpoint_text(replace(loaded.checkpoint, resources=rows)))

    plans: list[Plan] = []
    objects = {kind: row.id for kind, row in lost.items()} | {"database": "cell-acme-sql"}
    outcome = home.cell.import_objects(
        objects,
        ask=lambda *_: True,
        options=home.options(),
        on_event=lambda event: plans.extend([event.plan] if isinstance(event, PlanReady) else []),
    )
    assert outcome.result == "succeeded", outcome.failures
    changed = {change.urn: change for change in plans[0].changes if change.action not in ("same", "read")}
    assert {urn: change.action for urn, change in changed.items()} == dict.fromkeys(gone, "import")
    assert [item.path for change in changed.values() for item in change.diff if item.replaces] == []
    after = target.load()
    assert after is not None
    assert {row.urn: row.id for row in after.checkpoint.resources if row.urn in gone} == {
        row.urn: row.id for row in lost.values()
    }


def test_what_a_state_on_azure_has_lost_comes_back_unchanged_by_the_names_of_its_kinds(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("azure", tmp_path)
    target = of_stack(Home(tmp_path), "acme", home.options())
    loaded = target.load()
    assert loaded is not None
    ids = {row.urn: row for row in living(loaded.checkpoint)}
    lost = {name: ids[kind.urn("cell-acme", "octopus-cells", "acme")] for name, kind in kinds("azure").items()}
    assert len(lost) == len(kinds("azure")) > 10
    gone = {row.urn: row.parent for row in lost.values()}
    rows = tuple(without_references(row, gone) for row in loaded.checkpoint.resources if row.urn not in gone)
    assert target.files is not None
    target.files.write(stack_name("acme"), checkpoint_text(replace(loaded.checkpoint, resources=rows)))

    plans: list[Plan] = []
    outcome = home.cell.import_objects(
        {kind: row.id for kind, row in lost.items()},
        ask=lambda *_: True,
        options=home.options(),
        on_event=lambda event: plans.extend([event.plan] if isinstance(event, PlanReady) else []),
    )
    assert outcome.result == "succeeded", outcome.failures
    changed = {change.urn: change.action for change in plans[0].changes if change.action not in ("same", "read")}
    assert changed == dict.fromkeys(gone, "import")
    after = target.load()
    assert after is not None
    assert {row.urn: row.id for row in after.checkpoint.resources if row.urn in gone} == {
        row.urn: row.id for row in lost.values()
    }


def test_what_is_named_must_be_of_this_cell() -> None:
    spec = CellSpec.minimal("acme", cloud="aws", region="eu-west-1")
    with pytest.raises(UsageError, match="no kind 'databse'") as wrong:
        resolved(spec, {"databse": "x"})
    assert "database (identifier of the DB instance)" in wrong.value.hint
    with pytest.raises(UsageError, match="another stack"):
        resolved(spec, {"urn:pulumi:cell-beta::octopus-cells::a:b:C::x": "x"})
    with pytest.raises(UsageError, match="nothing is named"):
        resolved(spec, {})
    azure = CellSpec.minimal("acme", cloud="azure", region="westeurope")
    with pytest.raises(UsageError, match="no kind 'gateway' on azure") as none:
        resolved(azure, {"gateway": "x"})
    assert "files (ARM id of the storage account)" in none.value.hint
    own = "urn:pulumi:cell-acme::octopus-cells::a:b:C::x"
    zone = "cells:aws:Cell$cells:aws:Ingress$aws:route53/zone:Zone::acme-ingress-zone"
    both = {own: "x", f"urn:pulumi:cell-acme::octopus-cells::{zone}": "Z1"}
    assert resolved(spec, {own: "x", "zone": "Z1"}) == both


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("database",), "'database' is not WHAT=ID"),
        (("database=a", "database=b"), "'database=b' is named twice"),
        (("=a",), "'=a' is not WHAT=ID"),
    ],
)
def test_words_that_name_nothing_are_wrong_input(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = client.cellctl("import", "acme", *words, "--home", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert said in re.sub(r"\s+", " ", done.stderr)
