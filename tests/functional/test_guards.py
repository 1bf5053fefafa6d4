"""Guards through whole runs: freezes and policies refuse before anything is made; preview and `up` say the same."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from prepared.home import RunningHome
from prepared.small import TWO, Small
from warm import client

from cellctl.cli.app import app
from cellctl.cli.groups import Root
from cellctl.errors import GuardError
from cellctl.events import Said
from cellctl.home import Home

FREEZE = "freezes:\n  - {reason: year end, owner: ops}\n"
LOCK = "freezes:\n  - {reason: legal hold, owner: legal, operations: [down], cell: ac*}\n"


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def settings(small: Small, text: str) -> None:
    (small.root / "cellctl.yaml").write_text(f"apiVersion: cellctl/v1\nkind: Home\n{text}")
    small.home = Home(small.root)
    small.cell = type(small.cell)(small.cell.spec, home=small.home)


def test_a_frozen_cell_is_neither_made_nor_changed_and_may_be_overridden(small: Small) -> None:
    settings(small, FREEZE)
    with pytest.raises(GuardError) as refused:
        small.up()
    assert [item.code for item in refused.value.objections] == ["frozen"]
    assert "year end" in str(refused.value)
    plan = small.cell.preview(options=small.options())
    assert [item.code for item in plan.objections] == ["frozen"]
    assert small.up(override=frozenset({"frozen"})).result == "succeeded"
    said = [event.diagnostic.message for event in small.events if isinstance(event, Said)]
    assert "overridden: acme is frozen by ops: year end" in said
    assert small.up().result == "nothing"
    small.declare([{**TWO[0], "size": 5}, TWO[1]])
    with pytest.raises(GuardError):
        small.up()


def test_a_lock_against_deletion_lets_everything_else_through(small: Small) -> None:
    settings(small, LOCK)
    assert small.up().result == "succeeded"
    with pytest.raises(GuardError) as refused:
        small.cell.down(ask=small.yes, options=small.options(), delete_data=True)
    assert [item.code for item in refused.value.objections] == ["frozen"]
    settings(small, "")
    assert small.cell.down(ask=small.yes, options=small.options(), delete_data=True).result == "succeeded"


def test_the_commands_say_what_breaks_a_policy_and_an_exception_lets_it_through(tmp_path: Path) -> None:
    cells = tmp_path / "cells"
    cells.mkdir()
    body = "{cloud: azure, account: sandbox, region: westeurope, database: {retentionDays: 3}}"
    (cells / "acme.yaml").write_text(f"metadata: {{name: acme}}\nspec: {body}\n")
    plan = client.cellctl("preview", "acme", "--format", "json", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr
    (said,) = json.loads(plan.stdout)["objections"]
    assert (said["code"], said["flag"]) == ("policy_retention", "--override policy_retention")
    refused = client.cellctl("up", "acme", "--yes", "--clock", "stepped", cwd=tmp_path)
    assert refused.returncode == 4, refused.stderr
    assert "keeps backups for fewer than 7 days" in refused.stderr
    assert "--override policy_retention" in refused.stderr
    exception = "policies:\n  - {policy: retention, cell: acme, owner: team-x, until: 2999-01-01}\n"
    (tmp_path / "cellctl.yaml").write_text(f"apiVersion: cellctl/v1\nkind: Home\n{exception}")
    shown = client.cellctl("preview", "acme", "--format", "markdown", cwd=tmp_path)
    assert (shown.returncode, "policy_retention" in shown.stdout + shown.stderr) == (0, False)
    assert shown.stdout.startswith("### cellctl preview: 1 cell: ")


def test_a_secret_that_a_policy_demands_is_seen_and_not_read(tmp_path: Path) -> None:
    """The token of a queue: the plan's own policies pass it."""
    cells = tmp_path / "cells"
    cells.mkdir()
    body = "{cloud: aws, account: sandbox, region: eu-west-1, ingress: {polling: redis}}"
    (cells / "acme.yaml").write_text(f"metadata: {{name: acme}}\nspec: {body}\n")
    plan = client.cellctl("preview", "acme", "--format", "json", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr
    assert json.loads(plan.stdout)["objections"] == []


def test_a_full_account_is_said_before_anything_is_made(tmp_path: Path) -> None:
    run = functools.partial(client.cellctl, cwd=tmp_path)
    cells = tmp_path / "cells"
    cells.mkdir()
    (cells / "acme.yaml").write_text(
        "metadata: {name: acme}\nspec: {cloud: azure, account: sandbox, region: westeurope}\n"
    )
    assert run("sandbox", "quota", "network.virtual-networks", "0").returncode == 0
    plan = run("preview", "acme", "--format", "json")
    (said,) = json.loads(plan.stdout)["objections"]
    assert (said["code"], said["flag"]) == ("quota_exceeded", "--override quota_exceeded")
    assert said["reason"] == (
        "quota network.virtual-networks of account sandbox (SubscriptionNetworkLimitReached): 0 are used, this takes "
        "1 more, and 0 are allowed (set in this sandbox)"
    )
    refused = run("up", "acme", "--yes", "--clock", "stepped")
    assert (refused.returncode, json.loads(run("sandbox", "show", "--format", "json").stdout)) == (4, {"accounts": []})
    assert said["remedy"] == "cellctl sandbox quota network.virtual-networks 1"
    assert run("sandbox", "quota", "--clear", "all").returncode == 0
    assert run("sandbox", "withhold", "Standard_D4s_v5", "--zone", "2").returncode == 0
    listed = json.loads(run("sandbox", "withhold", "--format", "json").stdout)
    assert listed == {"withheld": [{"size": "Standard_D4s_v5", "zone": "2"}]}
    plan = run("preview", "acme", "--format", "json")
    (said,) = json.loads(plan.stdout)["objections"]
    assert (said["code"], said["flag"]) == ("size_not_offered", "--override size_not_offered")
    assert said["reason"] == "Standard_D4s_v5 is needed in zone 2, and account sandbox is not offered it there"
    assert run("up", "acme", "--yes", "--clock", "stepped").returncode == 4
    assert run(*said["remedy"].split()[1:]).returncode == 0
    assert json.loads(run("preview", "acme", "--format", "json").stdout)["objections"] == []


def test_data_go_only_with_a_proven_backup_or_an_accepted_loss(
    tmp_path: Path, running_home: Callable[[str, Path], RunningHome]
) -> None:
    home = running_home("aws", tmp_path)
    (account,) = home.control.show()["accounts"]
    ids = {row["type"]: row["id"] for row in account["objects"]}
    home.control.edit(ids["aws:storagegateway/gateway:Gateway"], "cacheDirtyPercent", 12.5)
    gone = home.cell.preview_down(options=home.options(), delete_data=True)
    (cache,) = gone.objections
    assert (cache.code, "12.5 % of its cache" in cache.reason) == ("cache_dirty", True)
    assert gone.monthly_usd()[0] > 0 == gone.monthly_usd()[1]
    named = home.options(accept_loss=frozenset({cache.urn}))
    assert home.cell.preview_down(options=named, delete_data=True).objections == ()

    file = home.root / "cells" / "acme.yaml"
    before = file.read_text()
    file.write_text(f"{before}  network: {{cidr: 10.99.0.0/20}}\n")  # other subnets, so another gateway
    plan = home.cell.preview(options=home.options())
    (said,) = [item for item in plan.objections if item.urn.endswith("::acme-gateway-gateway")]
    assert "12.5 % of its cache is not in S3 yet" in said.reason
    assert said.flag == f"--allow-replace '{said.urn}' --accept-data-loss '{said.urn}'"

    file.write_text(before.replace("geoBackup: true", "geoBackup: false"))
    home.control.edit(ids["aws:rds/instance:Instance"], "backupRetentionPeriod", 0)
    refused = home.up()
    (copy,) = refused.objections
    assert (copy.code, "tells no latestRestorableTime" in copy.reason) == ("stateful_delete", True)
    accepted = frozenset({copy.urn})
    assert home.up(copy.urn, accept_loss=accepted).result == "succeeded"
    (run, *_) = home.cell.home.runs("acme", limit=1)
    record = json.loads((home.root / ".cellctl" / "runs" / run.id / "outcome.json").read_text())
    assert [line.split(": ")[0] for line in record["accepted_losses"]] == [copy.urn]


def test_a_preview_that_failed_is_not_judged(small: Small) -> None:
    settings(small, FREEZE)
    small.declare([{"name": "b", "size": 2, "of": "nobody"}])
    plan = small.cell.preview(options=small.options())
    assert (plan.errored, plan.objections) == (True, ())


def test_whatever_asks_can_be_overridden() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, Root)
    commands = [root.get_command(None, name) for name in root.list_commands(None)]
    commands += [inner for group in commands for inner in getattr(group, "commands", {}).values()]
    options = [{name for parameter in one.params for name in parameter.opts} for one in commands]
    asking = [known for known in options if {"--yes", "--deadline"} <= known]
    assert len(asking) == 9
    assert all("--override" in known for known in asking)
