"""The fixture `pulumi_sandbox`: a stranger's programs through their life, with faults, drift and time."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time

import pulumi
import pytest
from pulumi_aws import Provider, s3, sns

from cellctl_sandbox.testing import Fault, OperationFailed, PulumiSandbox, SandboxStack

BUCKET = "aws:s3/bucket:Bucket"


def alarms() -> None:
    """A bucket, and a topic whose name replaces it."""
    config = pulumi.Config()
    bucket = s3.Bucket("assets", tags={"owner": config.get("owner") or "me"})
    sns.Topic("alarms", name=config.get("topic"), display_name=config.get_secret("token"))
    pulumi.export("bucket", bucket.bucket)
    pulumi.export("token", config.get_secret("token"))


def test_a_program_goes_through_its_life(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", alarms, config={"topic": "one"})
    assert stack.preview().changes == {"create": 2}
    up = stack.up()
    assert up.names("create") == ["assets", "alarms"]
    assert up.simulated_s > 0
    stack.assert_stable()
    (bucket,) = pulumi_sandbox.cloud("aws").objects(BUCKET)
    assert stack.outputs() == up.outputs == {"bucket": bucket.id}
    assert bucket.logical_name == "assets"
    stack.config |= {"topic": "two", "owner": "you"}
    planned = stack.preview()
    assert (planned.op("alarms"), planned.step("alarms").replaces) == ("replace", ("name",))
    assert str(planned.step("assets").change("tags.owner")) == "tags.owner: 'me' -> 'you'"
    assert planned.step("alarms").change("name").replaces
    assert stack.up().changes == {"update": 1, "replace": 1}
    stack.destroy()
    stack.assert_nothing_left()


def test_what_is_refused_is_raised_with_what_happened(pulumi_sandbox: PulumiSandbox) -> None:
    fault = pulumi_sandbox.fault(type="aws:sns/*", op="create", error="throttle")
    stack = pulumi_sandbox.stack("dev", alarms)
    with pytest.raises(OperationFailed, match=r"create alarms.*FAILED") as failed:
        stack.up()
    assert failed.value.outcome.op("assets") == "create"
    assert any(item.name == "alarms" for item in failed.value.outcome.diagnostics)
    assert fault.spent
    assert stack.up().changes == {"create": 1, "same": 1}
    assert [(call.ok, call.name) for call in pulumi_sandbox.cloud("aws").calls(op="create", type="aws:sns/*")] == [
        (False, "alarms"),
        (True, "alarms"),
    ]


def test_secrets_are_masked_and_found_where_they_leak(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", alarms, secrets={"token": "hunter2-hunter2"})
    up = stack.up()
    assert up.outputs["token"] == "[secret]"
    assert stack.outputs(secrets=True)["token"] == "hunter2-hunter2"
    assert "hunter2" not in f"{up!r}{up}{up.events}{pulumi_sandbox.cloud('aws').objects()}"
    stack.assert_no_secret_in_clear()

    def leaky() -> None:
        s3.Bucket("assets", tags={"token": pulumi.Output.unsecret(pulumi.Config().require_secret("token"))})

    stack.program = leaky
    stack.up()
    with pytest.raises(AssertionError, match=r"Bucket::assets: inputs\.tags\.token") as leak:
        stack.assert_no_secret_in_clear()
    assert "hunter2" not in str(leak.value)


def test_drift_is_seen_and_mended(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", alarms)
    stack.up()
    pulumi_sandbox.cloud("aws").edit("assets", "tags.owner", "mallory")
    with pytest.raises(AssertionError, match=r"tags\.owner: 'me' -> 'mallory'"):
        stack.assert_stable()
    assert stack.up(refresh=True).op("assets") == "update"
    pulumi_sandbox.cloud("aws").delete("alarms")
    assert stack.refresh().op("alarms") == "delete"
    assert stack.up().op("alarms") == "create"
    stack.assert_stable()


def test_lost_data_is_told(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", lambda: s3.Bucket("assets", bucket="one") and None)
    stack.up()
    stack.program = lambda: s3.Bucket("assets", bucket="two") and None
    with pytest.raises(AssertionError, match="replace assets"):
        stack.preview().assert_keeps_data()


def test_a_crash_ends_the_operation_and_not_the_test(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", lambda: s3.Bucket("assets", bucket="the-assets") and None)
    pulumi_sandbox.fault(type=BUCKET, effect="crash")
    crashed = stack.up(check=False)
    assert (crashed.crashed, crashed.succeeded) == (True, False)
    assert [urn.rpartition("::")[2] for urn in stack.pending] == ["assets"]
    assert len(pulumi_sandbox.cloud("aws").objects(BUCKET)) == 1
    with pytest.raises(OperationFailed, match="the-assets"):
        stack.up()  # as with a real cloud: it is there, and the state does not know it
    with pytest.raises(AssertionError, match="cloud: aws:s3/bucket:Bucket the-assets"):
        stack.assert_nothing_left()


@pytest.mark.parametrize("effect", ["lost", "partial"])
def test_half_done_work_is_in_the_state_or_not(pulumi_sandbox: PulumiSandbox, effect: str) -> None:
    stack = pulumi_sandbox.stack("dev", alarms)
    pulumi_sandbox.fault(type=BUCKET, effect=effect)
    assert not stack.up(check=False).succeeded
    assert any(urn.endswith("::assets") for urn in stack.resources) == (effect == "partial")


def test_stacks_share_the_clouds_and_their_quotas(pulumi_sandbox: PulumiSandbox) -> None:
    def program() -> None:
        where = Provider("west", region="us-west-2", allowed_account_ids=["111111111111"])
        sns.Topic("near")
        sns.Topic("far", opts=pulumi.ResourceOptions(provider=where))

    one = pulumi_sandbox.stack("one", program, config={"aws:region": "eu-central-1"})
    two = pulumi_sandbox.stack("two", program)
    assert one.up().changes == {"create": 3}
    two.up()
    found = pulumi_sandbox.cloud("aws").objects("aws:sns/*")
    assert [(item.region, item.account) for item in found if "::near" in item.urn] == [
        ("eu-central-1", "000000000000"),
        ("eu-west-1", "000000000000"),
    ]
    assert {(item.region, item.account) for item in found if "::far" in item.urn} == {("us-west-2", "111111111111")}
    one.destroy()
    one.assert_nothing_left()
    assert len(pulumi_sandbox.cloud("aws").objects()) == 2


def test_an_async_program_from_an_async_test(pulumi_sandbox: PulumiSandbox) -> None:
    async def program() -> None:
        await asyncio.sleep(0)
        s3.Bucket("assets")

    async def test() -> None:
        assert pulumi_sandbox.stack("dev", program).up().changes == {"create": 1}

    asyncio.run(test())


def test_an_exception_of_the_program_is_told(pulumi_sandbox: PulumiSandbox) -> None:
    def program() -> None:
        raise KeyError("no such thing")

    with pytest.raises(OperationFailed, match="no such thing"):
        pulumi_sandbox.stack("dev", program).up()


def test_time_passes_when_it_is_told_to(pulumi_sandbox: PulumiSandbox) -> None:
    before = pulumi_sandbox.clock.now
    pulumi_sandbox.clock.advance(86400)
    assert pulumi_sandbox.clock.now == before + 86400


def test_nothing_stays_behind(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    threads, environment = set(threading.enumerate()), dict(os.environ)
    with PulumiSandbox(tmp_path / "one") as sandbox:
        sandbox.stack("dev", alarms, config={"topic": "one"}).up()
        database = sandbox.cloud("aws")
    assert set(threading.enumerate()) == threads
    assert dict(os.environ) == environment
    assert os.getcwd() == str(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.objects()
    assert pulumi.Config("project").get("topic") is None


def test_a_lack_of_capacity_strikes_what_is_created_and_no_look(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", alarms)
    stack.up()
    fault = pulumi_sandbox.fault(type="aws:*", error="capacity")
    stack.refresh()
    assert not fault.spent


def test_a_call_that_hangs_ends_with_the_timeout_of_its_resource(pulumi_sandbox: PulumiSandbox) -> None:
    def patient() -> None:
        sns.Topic("alarms", opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="5m")))

    pulumi_sandbox.fault(type="aws:sns/*", effect="hang")
    stack = pulumi_sandbox.stack("dev", patient)
    with pytest.raises(OperationFailed, match="no answer within 300 s"):
        stack.up()
    assert stack.up().changes == {"create": 1}


def test_what_hangs_is_interrupted_and_the_next_run_goes_on(pulumi_sandbox: PulumiSandbox) -> None:
    stack, other = (pulumi_sandbox.stack(name, chain) for name in ("dev", "other"))
    hanging = pulumi_sandbox.fault(type="aws:sns/*", name="first", effect="hang")
    other.interrupt()  # nothing runs
    timer = threading.Timer(0.0, lambda: _interrupt_once(hanging, stack, other))
    timer.start()
    with pytest.raises(OperationFailed, match="cancelled while it hung") as failed:
        stack.up()
    timer.join()
    assert failed.value.outcome.names("create") == ["before"]
    assert [call.name for call in pulumi_sandbox.cloud("aws").calls(op="create")] == ["before", "first"]
    assert stack.up().names("create") == ["first", "second"]
    stack.assert_stable()
    assert other.up().succeeded


def chain() -> None:
    before = sns.Topic("before")
    first = sns.Topic("first", opts=pulumi.ResourceOptions(depends_on=[before]))
    sns.Topic("second", opts=pulumi.ResourceOptions(depends_on=[first]))


def _interrupt_once(hanging: Fault, stack: SandboxStack, other: SandboxStack) -> None:
    while not hanging.spent:
        time.sleep(0.01)
    other.interrupt()  # another stack's run goes on hanging
    stack.interrupt()
