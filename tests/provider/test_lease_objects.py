"""Leases beside the states in a bucket, against moto: written only over what was read."""

from __future__ import annotations

import boto3
import pytest

from cellctl.errors import EngineError, Locked
from cellctl.leases import Holder, ObjectLeases
from cellctl_provider.aws.objects import BucketObjects

REGION = "eu-west-1"


@pytest.fixture
def session(aws: boto3.Session) -> boto3.Session:
    aws.client("s3").create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
    return aws


def test_what_somebody_else_has_written_meanwhile_is_not_overwritten(session: boto3.Session) -> None:
    one, other = (BucketObjects(session, "states", ".cellctl/leases") for _ in range(2))
    assert one.read("acme.json").tag == ""
    assert one.write("acme.json", b"1", over="")
    assert not other.write("acme.json", b"2", over="")
    seen = other.read("acme.json")
    assert seen.data == b"1"
    assert one.write("acme.json", b"3", over=seen.tag)
    assert not other.write("acme.json", b"4", over=seen.tag)
    assert one.read("acme.json").data == b"3"


def test_a_lease_is_one_object_for_each_stack_and_goes_round(session: boto3.Session) -> None:
    here, there = (ObjectLeases(BucketObjects(session, "states", "team/.cellctl/leases")) for _ in range(2))
    lease = here.acquire("acme", Holder.current(command="cellctl up acme"))
    with pytest.raises(Locked, match="cellctl up acme"):
        there.acquire("acme", Holder.current())
    here.check(here.heartbeat(lease))
    here.release(lease)
    assert there.acquire("acme", Holder.current()).token == 2
    assert there.acquire("reef/r1", Holder.current()).token == 1
    listed = session.client("s3").list_objects_v2(Bucket="states")["Contents"]
    assert [item["Key"] for item in listed] == ["team/.cellctl/leases/acme.json", "team/.cellctl/leases/reef/r1.json"]


def test_a_bucket_that_is_not_there_or_holds_something_else_is_one_sentence(session: boto3.Session) -> None:
    with pytest.raises(EngineError, match="bucket nowhere cannot be asked: NoSuchBucket") as caught:
        ObjectLeases(BucketObjects(session, "nowhere", "x")).acquire("acme", Holder.current())
    assert caught.value.code == "leases_unreachable"
    objects = BucketObjects(session, "states", "x")
    objects.write("acme.json", b"[]", over="")
    with pytest.raises(EngineError, match="not what cellctl writes"):
        ObjectLeases(objects).current("acme")
