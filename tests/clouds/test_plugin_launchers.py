"""The sandbox's providers as launched plugins: written into a plugin folder, they do what they do in-process."""

from __future__ import annotations

import stat
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation as auto

from cellctl.engine.workspace import Workspaces
from cellctl.errors import EngineError
from cellctl_sandbox import plugin
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.host import open_host


def program() -> None:
    provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["000000000000"])
    ours = pulumi.ResourceOptions(provider=provider)
    vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=ours)
    aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24", opts=ours)
    kept = aws.secretsmanager.Secret("secret", name="acme/key", opts=ours)
    value = pulumi.Output.secret("s3cr3t")
    aws.secretsmanager.SecretVersion("value", secret_id=kept.id, secret_string=value, opts=ours)


def test_launched_plugins_and_objects_in_process_agree(tmp_path: Path) -> None:
    spaces, host = Workspaces(tmp_path), open_host(home=tmp_path, cell="acme", cloud="aws", clock="stepped")
    variables = {**spaces.environment(spaces.local), **host.plugins(spaces.pulumi_home, clock="stepped")}
    work = spaces.prepare("cell-acme", {})

    def stack(command: EmbeddedCommand) -> auto.Stack:
        workspace = auto.LocalWorkspace(work_dir=str(work), program=program, env_vars=variables, pulumi_command=command)
        return auto.Stack.create_or_select("cell-acme", workspace)

    launched, within = EmbeddedCommand(plugins={"aws"}), EmbeddedCommand(host.providers())
    assert stack(launched).up().summary.resource_changes == {"create": 6}
    assert stack(within).up().summary.resource_changes == {"same": 6}
    assert stack(within).refresh().summary.resource_changes == {"same": 6}
    assert stack(launched).destroy().summary.resource_changes == {"delete": 6}
    host.close()


def test_launchers_are_private_and_written_once(tmp_path: Path) -> None:
    factory = CloudFactory("aws", Database.open(tmp_path))
    plugin.install(tmp_path / "home", [factory])
    launcher = tmp_path / "home" / "plugins" / f"resource-aws-v{factory.version}" / "pulumi-resource-aws"
    assert stat.S_IMODE(launcher.stat().st_mode) == 0o700
    before = launcher.stat().st_mtime_ns
    plugin.install(tmp_path / "home", [factory])
    assert launcher.stat().st_mtime_ns == before


def test_a_plugin_folder_that_cannot_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(EngineError) as refused:
        plugin.install(tmp_path / "home", [CloudFactory("aws", Database.open(tmp_path))])
    assert refused.value.code == "home_not_writable"
