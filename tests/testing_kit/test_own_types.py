"""What the simulated clouds do not know: data and providers of a test's own; and programs that drive the SDK."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest
from pulumi import automation
from pulumi_aws import dynamodb, s3

from cellctl.facts import FactsError
from cellctl_sandbox.testing import OperationFailed, OwnProvider, PulumiSandbox

TABLE = """
[types."aws:dynamodb/table:Table"]
id = "{name}"
handles = ["arn"]
autoname = "name"
unique = [{ by = ["name"], scope = "region", code = "ResourceInUseException" }]

[types."aws:dynamodb/table:Table".references]
"serverSideEncryption.kmsKeyArn" = "aws:kms/key:Key"

[types."aws:dynamodb/table:Table".outputs]
arn = "arn:aws:dynamodb:{region}:{account}:table/{id}"

[types."aws:dynamodb/table:Table".facts]
stateful = true
replaces = ["name", "hashKey"]
durations = { create = 20 }
"""


def orders() -> None:
    config = pulumi.Config()
    attribute = dynamodb.TableAttributeArgs(name=config.require("key"), type="S")
    table = dynamodb.Table(
        "orders", attributes=[attribute], hash_key=config.require("key"), billing_mode="PAY_PER_REQUEST"
    )
    pulumi.export("arn", table.arn)


class Password(pulumi.CustomResource):
    """What pulumi_random has, without it."""

    result: pulumi.Output[str]

    def __init__(self, name: str, length: pulumi.Input[int]) -> None:
        super().__init__("random:index/randomPassword:RandomPassword", name, {"length": length, "result": None})


class Passwords(OwnProvider):
    replaces = frozenset({"length"})
    computed = frozenset({"result"})

    def outputs(self, type, id, inputs):
        return {"result": "x" * int(inputs["length"])}


def test_a_type_nobody_simulates_is_told_with_the_remedy(pulumi_sandbox: PulumiSandbox) -> None:
    with pytest.raises(OperationFailed) as failed:
        pulumi_sandbox.stack("dev", orders, config={"key": "id"}).preview()
    (said,) = [item for item in failed.value.outcome.diagnostics if item.name == "orders"]
    assert "does not simulate 'aws:dynamodb/table:Table'" in said.message
    assert "pulumi_sandbox.types(FOLDER) with FOLDER/aws/dynamodb.toml" in said.message
    with pytest.raises(OperationFailed, match=r"no provider 'random'.*pulumi_sandbox\.provide\('random'"):
        pulumi_sandbox.stack("dev", lambda: Password("p", 8) and None).preview()


def test_data_of_ones_own(pulumi_sandbox: PulumiSandbox, tmp_path: Path) -> None:
    (tmp_path / "types" / "aws").mkdir(parents=True)
    (tmp_path / "types" / "aws" / "dynamodb.toml").write_text(TABLE)
    pulumi_sandbox.types(tmp_path / "types")
    stack = pulumi_sandbox.stack("dev", orders, config={"key": "id"})
    assert stack.up().simulated_s == pytest.approx(20, abs=1)
    assert str(stack.outputs()["arn"]).startswith("arn:aws:dynamodb:eu-west-1:000000000000:table/orders-")
    stack.assert_stable()
    stack.config["key"] = "order"
    planned = stack.preview()
    assert planned.step("orders").replaces == ("hashKey",)
    with pytest.raises(AssertionError, match="loses data"):
        planned.assert_keeps_data()


def test_data_that_are_wrong_are_told_at_once(pulumi_sandbox: PulumiSandbox, tmp_path: Path) -> None:
    with pytest.raises(FactsError, match=r"there is no <cloud>/<service>\.toml"):
        pulumi_sandbox.types(tmp_path)
    file = tmp_path / "aws" / "dynamodb.toml"
    file.parent.mkdir()
    for mistake, what in (("hashKey", "hashKy"), ("stateful", "statefull"), ("dynamodb/table:Table", "dynamodb/t:T")):
        file.write_text(TABLE.replace(mistake, what))
        with pytest.raises((FactsError, LookupError), match=what):
            pulumi_sandbox.types(tmp_path)
    with pytest.raises(OperationFailed, match="does not simulate"):
        pulumi_sandbox.stack("dev", orders, config={"key": "id"}).preview()


def test_a_folder_is_forgotten_with_its_sandbox(tmp_path: Path) -> None:
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws" / "dynamodb.toml").write_text(TABLE)
    with PulumiSandbox(tmp_path / "one") as sandbox:
        sandbox.types(tmp_path)
        sandbox.stack("dev", orders, config={"key": "id"}).up()
    with PulumiSandbox(tmp_path / "two") as sandbox, pytest.raises(OperationFailed, match="does not simulate"):
        sandbox.stack("dev", orders, config={"key": "id"}).up()


def test_a_provider_of_ones_own(pulumi_sandbox: PulumiSandbox) -> None:
    def program() -> None:
        password = Password("admin", pulumi.Config().require_int("length"))
        s3.Bucket("assets", tags={"length": password.result.apply(lambda text: str(len(text)))})

    passwords = Passwords()
    pulumi_sandbox.provide("random", passwords)
    stack = pulumi_sandbox.stack("dev", program, config={"length": 8})
    pulumi_sandbox.fault(type="random:*", op="create", error="capacity")
    assert not stack.up(check=False).succeeded
    stack.up()
    assert list(passwords.objects) == ["admin-1"]
    assert pulumi_sandbox.cloud("aws").find("assets").inputs["tags"] == {"length": "8"}
    stack.assert_stable()
    stack.config["length"] = 9
    assert stack.up().op("admin") == "replace"
    assert list(passwords.objects) == ["admin-2"]
    stack.destroy()
    assert passwords.objects == {}


def test_one_type_of_a_cloud_by_a_provider_of_ones_own(pulumi_sandbox: PulumiSandbox) -> None:
    def program() -> None:
        orders()
        s3.Bucket("assets")

    tables = OwnProvider()
    pulumi_sandbox.provide("aws:dynamodb/table:Table", tables)
    stack = pulumi_sandbox.stack("dev", program, config={"key": "id"})
    assert stack.up().names("create") == ["orders", "assets"]
    assert list(tables.objects) == ["orders-1"]
    assert [item.logical_name for item in pulumi_sandbox.cloud("aws").objects()] == ["assets"]
    with pytest.raises(LookupError, match="no package 'gcp'"):
        pulumi_sandbox.provide("gcp:storage/bucket:Bucket", tables)


def test_a_program_that_drives_the_automation_api(pulumi_sandbox: PulumiSandbox) -> None:
    def program() -> None:
        pulumi.export("bucket", s3.Bucket("assets", tags={"owner": pulumi.Config().require("owner")}).bucket)

    stack = automation.create_or_select_stack("dev", "shop", program=program, opts=pulumi_sandbox.automation())
    stack.set_config("owner", automation.ConfigValue("me"))
    assert stack.up().summary.resource_changes == {"create": 2}
    (bucket,) = pulumi_sandbox.cloud("aws").objects()
    assert stack.outputs()["bucket"].value == bucket.id
    pulumi_sandbox.stack("dev", program, project="shop", config={"owner": "me"}).assert_stable()
