"""The real Pulumi CLI, driven through `PulumiCli`: our providers as its plugins, and state shared with our engine."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.automation.errors import CommandError, ConcurrentUpdateError
from real_cli import SECRET, STACK, VPC, Site, changes, plugins_of, program, slowly, wait_for

from cellctl.engine.pulumi_cli import PulumiCli
from cellctl.engine.seam import Seam
from cellctl.errors import EngineError, UsageError

pytestmark = pytest.mark.needs("pulumi")


def test_a_stack_goes_through_its_life(site: Site) -> None:
    stack = site.real()
    assert changes(stack.preview().change_summary)["create"] >= 6
    assert site.types() == []
    up = stack.up()
    assert up.summary.result == "succeeded"
    assert up.outputs["bucket"].value == "arn:aws:s3:::acme-packages-0001"
    assert up.outputs["regions"].value == ["eu-west-1", "us-east-1"]
    assert (up.outputs["key"].value, up.outputs["key"].secret) == (SECRET, True)
    assert site.types().count(VPC) == 1
    assert SECRET not in site.state()
    assert changes(stack.preview().change_summary) == {}
    assert changes(stack.refresh().summary.resource_changes) == {}
    assert changes(site.real(program({"more": "1"})).up().summary.resource_changes) == {"update": 1}
    assert stack.destroy().summary.result == "succeeded"
    assert site.types() == []
    wait_for(lambda: plugins_of(site.home) == [])


def test_a_stack_of_one_engine_opens_in_the_other(site: Site) -> None:
    assert site.ours().up().summary.result == "succeeded"
    real = site.real()
    assert changes(real.preview().change_summary) == {}
    outputs = real.outputs()
    assert (outputs["key"].value, outputs["key"].secret) == (SECRET, True)
    assert changes(real.up().summary.resource_changes) == {}
    assert changes(real.refresh().summary.resource_changes) == {}
    assert changes(site.ours().preview().change_summary) == {}
    more = program({"more": "1"})
    assert changes(site.real(more).up().summary.resource_changes) == {"update": 1}
    ours = site.ours(more)
    assert changes(ours.preview().change_summary) == {}
    assert changes(ours.refresh().summary.resource_changes) == {}
    assert ours.outputs()["key"].value == SECRET
    assert changes(site.real(more).preview().change_summary) == {}
    exported = ours.export_stack()
    site.real(more).import_stack(exported)
    assert changes(ours.up().summary.resource_changes) == {}
    assert ours.destroy().summary.result == "succeeded"
    assert changes(site.real().preview().change_summary)["create"] >= 6
    assert SECRET not in site.state()


def test_drift_is_seen_by_the_real_refresh(site: Site) -> None:
    stack = site.real()
    stack.up()
    accounts = site.control.show()["accounts"]
    assert isinstance(accounts, list)
    vpc = next(item for account in accounts for item in account["objects"] if item["type"] == VPC)
    site.control.edit(str(vpc["id"]), "tags.cell", "somebody-elses")
    assert changes(stack.refresh().summary.resource_changes) == {"update": 1}
    assert changes(stack.up().summary.resource_changes) == {"update": 1}


def test_one_interrupt_finishes_what_is_under_way(site: Site) -> None:
    slowly(site)
    stack = site.real()

    def press() -> None:
        wait_for(lambda: VPC in site.types())
        site.cli.interrupt()

    threading.Thread(target=press).start()
    with pytest.raises(CommandError, match="cancel"):
        stack.up()
    assert VPC in site.types()
    assert "aws:ec2/subnet:Subnet" not in site.types()
    assert json.loads(site.state())["checkpoint"]["latest"].get("pending_operations", []) == []
    site.variables["CELLCTL_PLUGIN_CLOCK"] = "stepped"
    assert "update" not in changes(site.real().up().summary.resource_changes)
    assert site.types().count(VPC) == 1


def test_a_killed_cli_leaves_a_lock_a_pending_create_and_no_process(site: Site) -> None:
    slowly(site)
    stack = site.real()

    def kill() -> None:
        wait_for(lambda: VPC in site.types())
        assert site.cli._process is not None
        os.kill(site.cli._process.pid, signal.SIGKILL)

    threading.Thread(target=kill).start()
    with pytest.raises(CommandError):
        stack.up()
    wait_for(lambda: plugins_of(site.home) == [])
    pending = json.loads(site.state())["checkpoint"]["latest"]["pending_operations"]
    assert VPC in [item["resource"]["type"] for item in pending]
    for locked in (site.real(), site.ours()):
        with pytest.raises(ConcurrentUpdateError):
            locked.up()


def network() -> None:
    """Declare one network: nothing else is under way when its creation ends badly."""
    provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["000000000000"])
    aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=pulumi.ResourceOptions(provider=provider))


def test_a_crash_of_a_provider_fails_the_update_and_is_repeated(site: Site) -> None:
    site.control.add_fault({"type": VPC, "op": "create", "effect": "crash", "when": "before", "count": 1})
    with pytest.raises(CommandError):
        site.real(network).up()
    assert VPC not in site.types()
    assert site.real(network).up().summary.result == "succeeded"
    assert site.types().count(VPC) == 1


def test_events_reach_the_seam_and_three_processes_are_enough(site: Site, tmp_path: Path) -> None:
    site.ours().up()
    log = tmp_path / "argv.ndjson"
    cli = PulumiCli.find({"PATH": os.environ["PATH"], **site.variables}, log=log)
    stack = site.stack(Seam(cli, site.events.append, stack=STACK, exists=True))
    stack.preview()
    stack.up(show_secrets=False)
    kinds = {key for text in site.events for key in json.loads(text)}
    assert {"preludeEvent", "resourcePreEvent", "resOutputsEvent", "summaryEvent"} <= kinds
    assert SECRET not in "".join(site.events)
    words = [json.loads(line)["argv"] for line in log.read_text().splitlines()]
    assert len(words) == 3
    assert all(argv[1] == "--non-interactive" for argv in words)


def test_a_plugin_that_is_missing_is_an_error_and_no_download(site: Site) -> None:
    for launcher in (site.spaces.pulumi_home / "plugins").glob("resource-aws-*/pulumi-resource-aws"):
        launcher.unlink()
        launcher.parent.rmdir()
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.settimeout(0.2)
        proxy = f"http://127.0.0.1:{trap.getsockname()[1]}"
        site.variables.update(HTTPS_PROXY=proxy, HTTP_PROXY=proxy)
        with pytest.raises(CommandError, match="no resource plugin"):
            site.real().up()
        with pytest.raises(TimeoutError):
            trap.accept()


def test_the_wrong_key_opens_nothing(site: Site) -> None:
    site.ours().up()
    wrong = site.home / "wrong"
    wrong.write_text("not the key")
    site.variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(wrong)
    with pytest.raises(CommandError, match="incorrect passphrase"):
        site.real().up()


def test_a_broken_binary_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "pulumi").write_bytes(b"\x7fELF no program")
    (tmp_path / "pulumi").chmod(0o755)
    with pytest.raises(EngineError) as broken:
        PulumiCli.find({"PATH": str(tmp_path)})
    assert broken.value.code == "cli_broken"


def test_a_version_below_the_minimum_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    version = site.cli.version
    assert version is not None
    monkeypatch.setattr("cellctl.engine.pulumi_cli.MINIMUM", version.bump_minor())
    (site.spaces.pulumi_home / "cli-version.json").unlink()
    with pytest.raises(UsageError) as old:
        PulumiCli.find({"PATH": os.environ["PATH"], **site.variables})
    assert (old.value.code, str(version) in str(old.value)) == ("cli_too_old", True)
