"""A site for tests with the real Pulumi CLI: one home, its sandbox, and both engines over the same state."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_aws as aws
from pulumi import automation as auto
from sdk_loops import loops_closed

from cellctl.engine.pulumi_cli import PulumiCli
from cellctl.engine.workspace import PROJECT, Workspaces
from cellctl_sandbox.control import Control, open_control
from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.host import open_host

STACK = "cell-acme"
VPC = "aws:ec2/vpc:Vpc"
SECRET = "s3cr3t-of-acme"


def program(tags: dict[str, str] | None = None) -> Callable[[], None]:
    """Return a program of a network and a secret in one region and a bucket in another: two explicit providers."""

    def declare() -> None:
        provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["000000000000"])
        ours = pulumi.ResourceOptions(provider=provider)
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags={"cell": "acme", **(tags or {})}, opts=ours)
        aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24", opts=ours)
        other = aws.Provider("other", region="us-east-1", allowed_account_ids=["000000000000"])
        bucket = aws.s3.Bucket("bucket", bucket="acme-packages-0001", opts=pulumi.ResourceOptions(provider=other))
        kept = aws.secretsmanager.Secret("secret", name="acme/key", opts=ours)
        value = pulumi.Output.secret(SECRET)
        aws.secretsmanager.SecretVersion("value", secret_id=kept.id, secret_string=value, opts=ours)
        pulumi.export("bucket", bucket.arn)
        pulumi.export("regions", [vpc.region, bucket.region])
        pulumi.export("key", value)

    return declare


@dataclass
class Site:
    """One home with its sandbox, its workspace and both engines over the same state."""

    home: Path
    control: Control
    spaces: Workspaces
    cli: PulumiCli
    embedded: EmbeddedCommand
    variables: dict[str, str]
    events: list[str] = field(default_factory=list)

    def stack(self, command: auto.PulumiCommand, run: Callable[[], None] | None = None) -> auto.Stack:
        work = self.spaces.prepare(STACK, {})
        workspace = auto.LocalWorkspace(
            work_dir=str(work), program=run or program(), env_vars=self.variables, pulumi_command=command
        )
        return auto.Stack.create_or_select(STACK, workspace)

    def real(self, run: Callable[[], None] | None = None) -> auto.Stack:
        """Return the stack behind a CLI that was not interrupted before."""
        self.cli = PulumiCli.find({"PATH": os.environ["PATH"], **self.variables})
        return self.stack(self.cli, run)

    def ours(self, run: Callable[[], None] | None = None) -> auto.Stack:
        return self.stack(self.embedded, run)

    def types(self) -> list[str]:
        accounts = self.control.show()["accounts"]
        assert isinstance(accounts, list)
        return sorted(str(item["type"]) for account in accounts for item in account["objects"])

    def state(self) -> str:
        file = self.home / ".cellctl" / "state" / ".pulumi" / "stacks" / PROJECT / f"{STACK}.json"
        return file.read_text()


@contextmanager
def opened(home: Path) -> Iterator[Site]:
    """Open a site at a home, and close it."""
    spaces, host = Workspaces(home), open_host(home=home, cell="acme", cloud="aws", clock="stepped")
    plugins = host.plugins(spaces.pulumi_home, clock="stepped")
    variables = {**spaces.environment(spaces.local), **plugins}
    spaces.prepare(STACK, {})
    cli = PulumiCli.find({"PATH": os.environ["PATH"], **variables})
    with loops_closed():
        yield Site(home, open_control(home), spaces, cli, EmbeddedCommand(host.providers()), variables)
    host.close()


def changes(summary: object) -> dict[str, int]:
    """Return a preview's or an update's counts without what stays the same."""
    assert isinstance(summary, dict)
    counts = {str(getattr(key, "value", key)): number for key, number in summary.items()}
    return {key: number for key, number in counts.items() if key != "same"}


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def plugins_of(home: Path) -> list[int]:
    """Return the plugin processes of this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"cellctl_sandbox.plugin" in words and str(home).encode() in words:
                found.append(int(entry.name))
    return found


def slowly(site: Site) -> None:
    """Let a network take about three real seconds to make."""
    site.variables["CELLCTL_PLUGIN_CLOCK"] = "20"
    site.control.add_fault({"type": VPC, "op": "create", "effect": "delay", "delay_s": 60, "count": 1})
