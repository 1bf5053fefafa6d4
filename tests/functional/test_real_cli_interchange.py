"""One stack driven alternately by the real Pulumi CLI and by our engine: after each, the other sees no changes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation as auto
from pulumi.automation.errors import CommandError
from real_cli import SECRET, Site, changes

pytestmark = pytest.mark.needs("pulumi")
Run = Callable[[], None]
Engine = Callable[[Run], auto.Stack]
STAGES = {
    "update": (1, {"update": 1}),
    "alias": (2, {}),
    "replace": (3, {"replace": 1}),
    "secret": (4, {"replace": 1}),
    "unprotect": (5, {}),
}


def stage(number: int) -> Run:
    """Return the program of one stage of a stack's life; each differs from the one before in another way."""

    def declare() -> None:
        provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["000000000000"])
        ours = pulumi.ResourceOptions(provider=provider)
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags={"stage": str(min(number, 1))}, opts=ours)
        box = pulumi.ComponentResource("my:index:Box", "box")
        moved = pulumi.ResourceOptions(
            provider=provider, parent=box, aliases=[pulumi.Alias(name="subnet", parent=pulumi.ROOT_STACK_RESOURCE)]
        )
        where = "10.0.2.0/24" if number >= 3 else "10.0.1.0/24"  # another range replaces it
        name, options = ("inner", moved) if number >= 2 else ("subnet", ours)
        subnet = aws.ec2.Subnet(name, vpc_id=vpc.id, cidr_block=where, opts=options)
        protected = pulumi.ResourceOptions(provider=provider, protect=number < 5)
        kept = aws.secretsmanager.Secret("secret", name="acme/key", opts=protected)
        value = pulumi.Output.secret(SECRET if number < 4 else f"{SECRET}-new")
        aws.secretsmanager.SecretVersion("value", secret_id=kept.id, secret_string=value, opts=ours)
        box.register_outputs({"subnet": subnet.id, "hidden": value})
        pulumi.export("subnet", subnet.id)
        pulumi.export("hidden", {"value": value, "note": pulumi.Config().get_secret("note")})

    return declare


def engines(site: Site, first: str) -> tuple[Engine, Engine]:
    return (site.real, site.ours) if first == "real" else (site.ours, site.real)


@pytest.mark.parametrize("first", ["real", "ours"])
@pytest.mark.parametrize("name", STAGES)
def test_each_engine_sees_no_changes_after_the_other(site: Site, name: str, first: str) -> None:
    number, expected = STAGES[name]
    one, other = engines(site, first)
    before, after = stage(number - 1), stage(number)
    one(before).up()
    assert changes(other(before).preview().change_summary) == {}
    assert changes(one(after).preview().change_summary) == expected
    assert changes(other(after).up().summary.resource_changes) == expected
    assert changes(one(after).preview().change_summary) == {}
    assert changes(one(after).refresh().summary.resource_changes) == {}
    assert changes(other(after).preview().change_summary) == {}
    hidden = one(after).outputs()["hidden"].value
    assert hidden["value"] == (SECRET if number < 4 else f"{SECRET}-new")
    assert SECRET not in site.state()


@pytest.mark.parametrize("first", ["real", "ours"])
def test_configuration_an_exported_state_and_the_end_are_shared(site: Site, first: str) -> None:
    one, other = (engine(stage(5)) for engine in engines(site, first))
    # A secret goes to our engine in memory; the CLI would take it from its command line.
    (one if first == "ours" else other).set_config("note", auto.ConfigValue("hush-hush", secret=True))
    one.set_config("plain", auto.ConfigValue("text"))
    assert (other.get_config("note").value, other.get_config("plain").value) == ("hush-hush", "text")
    other.up()
    assert changes(one.preview().change_summary) == {}
    assert one.outputs()["hidden"].value["note"] == "hush-hush"
    other.import_stack(one.export_stack())
    assert changes(one.preview().change_summary) == {}
    assert "hush-hush" not in site.state()
    assert one.destroy().summary.result == "succeeded"
    assert site.types() == []
    assert changes(other.refresh().summary.resource_changes) == {}


def test_a_protected_resource_is_kept_by_both(site: Site) -> None:
    site.ours(stage(1)).up()
    for engine in (site.real, site.ours):
        with pytest.raises(CommandError, match="protect"):
            engine(stage(1)).destroy()
    assert "aws:secretsmanager/secret:Secret" in site.types()


@pytest.mark.parametrize("first", ["real", "ours"])
def test_a_state_of_version_4_is_shared(site: Site, first: str) -> None:
    """What version 3 does not know: a resource that is replaced with another."""

    def run(where: str) -> Run:
        def declare() -> None:
            provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["000000000000"])
            vpc = aws.ec2.Vpc("vpc", cidr_block=where, opts=pulumi.ResourceOptions(provider=provider))
            aws.ec2.Eip("address", opts=pulumi.ResourceOptions(provider=provider, replace_with=[vpc]))

        return declare

    one, other = engines(site, first)
    one(run("10.0.0.0/16")).up()
    assert json.loads(site.state())["version"] == 4
    assert changes(other(run("10.0.0.0/16")).preview().change_summary) == {}
    assert changes(other(run("10.1.0.0/16")).up().summary.resource_changes) == {"replace": 2}
    assert json.loads(site.state())["version"] == 4
    assert changes(one(run("10.1.0.0/16")).preview().change_summary) == {}
