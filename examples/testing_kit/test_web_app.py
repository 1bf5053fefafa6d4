"""Tests of web_app.py: `pip install 'cellctl[aws]' pytest`, then `pytest`. No CLI, no account, no network."""

import pytest
from web_app import program


@pytest.fixture
def stack(pulumi_sandbox):
    return pulumi_sandbox.stack("dev", program, secrets={"password": "correct-horse-battery"})


def test_it_comes_up_and_a_second_run_changes_nothing(stack):
    up = stack.up()
    assert up.changes == {"create": 6}
    assert up.outputs["bucket"].startswith("assets-")
    stack.assert_stable()
    stack.assert_no_secret_in_clear()


def test_a_new_engine_version_does_not_replace_the_database(stack):
    stack.up()
    stack.config["engineVersion"] = "16.4"
    plan = stack.preview()
    assert plan.op("orders") == "update"
    plan.assert_keeps_data()


def test_encrypting_it_later_would_replace_it(stack):
    stack.up()
    stack.config["encrypted"] = True
    plan = stack.preview()
    assert plan.step("orders").replaces == ("storageEncrypted",)
    with pytest.raises(AssertionError, match="replace orders"):
        plan.assert_keeps_data()


def test_a_throttled_call_fails_the_run_and_the_next_one_completes_it(stack, pulumi_sandbox):
    pulumi_sandbox.fault(type="aws:s3/*", op="create", error="throttle")
    assert "assets" in [said.name for said in stack.up(check=False).diagnostics]
    stack.up()
    assert len(pulumi_sandbox.cloud("aws").objects("aws:s3/bucket:Bucket")) == 1
    stack.assert_stable()


def test_somebody_edits_a_tag_by_hand(stack, pulumi_sandbox):
    stack.up()
    pulumi_sandbox.cloud("aws").edit("assets", "tags.team", "unknown")
    assert str(stack.refresh(preview=True).step("assets").change("tags.team")) == "tags.team: 'shop' -> 'unknown'"
    assert stack.up(refresh=True).op("assets") == "update"
    assert pulumi_sandbox.cloud("aws").find("assets").inputs["tags"] == {"team": "shop"}


def test_a_database_takes_its_time_and_leaves_nothing(stack, pulumi_sandbox):
    assert stack.up().simulated_s > 600
    (database,) = pulumi_sandbox.cloud("aws").objects("aws:rds/instance:Instance")
    assert database.state == "available"
    stack.destroy()
    stack.assert_nothing_left()
