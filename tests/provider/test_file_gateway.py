"""`cellctl:aws:FileGateway` against the Storage Gateway stand-in: kills, lost responses, drift, deletion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cellctl.facts.permissions import permissions
from cellctl.state.values import UNKNOWN
from cellctl_provider.gateways import ProviderGateways
from cellctl_provider.protocol import Check, Create, Delete, Diff, InitFailed, Provider, ProviderError, Read, Update
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.testing.cloud import attached_volume, gateway_instance
from cellctl_sandbox.testing.gateway_bench import GatewayBench, Killed, PlainSeal

TYPE = "cellctl:aws:FileGateway"
URN = f"urn:pulumi:cell-acme::octopus-cells::cells:aws:Cell${TYPE}::gateway"
INSTANCE = "i-0a1b2c3d4e5f60718"
PASSWORD = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cells/acme/guest-AbCdEf"
GROUP = "sg-0a1b2c3d4e5f60718"
RULES = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INPUTS = {
    "region": "eu-west-1",
    "instanceId": INSTANCE,
    "address": "10.64.1.10",
    "gatewayName": "cell-acme",
    "cacheSizesGib": [150],
    "timezone": "GMT",
    "capacity": "Small",
    "smbSecurityStrategy": "MandatoryEncryption",
    "smbShareVisibility": False,
    "guestPasswordSecret": PASSWORD,
    "maintenance": {"dayOfWeek": 0, "hourOfDay": 2, "minuteOfHour": 0},
    "tags": {"cell": "acme"},
    "acceptDataLoss": False,
    "securityGroupId": GROUP,
    "controlCidr": "10.255.0.0/24",
}


def cloud(folder: Path) -> GatewayBench:
    bench = GatewayBench(folder, seal=PlainSeal())
    bench.view.put(gateway_instance(INSTANCE))
    for item in attached_volume("vol-1", INSTANCE, size_gib=150):
        bench.view.put(item)
    bench.view.put(CloudObject(type="aws:ec2/securityGroup:SecurityGroup", id=GROUP, properties={}))
    secret = {"arn": PASSWORD, "name": "cells/acme/guest"}
    bench.view.put(CloudObject(type="aws:secretsmanager/secret:Secret", id=PASSWORD, properties=secret))
    return bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[GatewayBench]:
    made = cloud(tmp_path)
    yield made
    made.close()


def check(provider: Provider, olds: dict[str, object] | None = None, **changed: object) -> dict[str, str]:
    news = {key: value for key, value in (INPUTS | changed).items() if value is not None}
    checked = provider.check(Check(urn=URN, type=TYPE, olds=olds or {}, news=news))
    return {failure.property: failure.reason for failure in checked.failures}


def create(provider: Provider, **changed: object) -> tuple[str, dict[str, object]]:
    made = provider.create(Create(urn=URN, type=TYPE, properties=INPUTS | changed))
    return made.id, made.properties


def update(provider: Provider, arn: str, olds: dict[str, object], **changed: object) -> dict[str, object]:
    news = INPUTS | changed
    return provider.update(Update(urn=URN, type=TYPE, id=arn, olds=olds, old_inputs=INPUTS, news=news)).properties


def delete(provider: Provider, arn: str, properties: dict[str, object]) -> None:
    provider.delete(Delete(urn=URN, type=TYPE, id=arn, properties=properties))


def the_one_gateway(bench: GatewayBench) -> dict[str, object]:
    """Assert that there is exactly one gateway with one cache disk, and no way in to it; return its properties."""
    assert bench.view.objects(RULES) == []
    (gateway,) = bench.view.objects("aws:storagegateway/gateway:Gateway")
    assert gateway.properties["hasCache"] is True
    return gateway.properties


def test_a_gateway_is_brought_up_in_simulated_time(bench: GatewayBench) -> None:
    arn, properties = create(bench.provider())
    assert properties["gatewayArn"] == arn
    assert str(properties["gatewayId"]).startswith("sgw-")
    assert len(properties["cacheDiskIds"]) == 1
    gateway = the_one_gateway(bench)
    assert gateway["smbFileShareVisibility"] is False
    assert bench.count("ActivateGateway") == bench.count("AddCache") == bench.count("SetSMBGuestPassword") == 1
    assert 180 < bench.view.now() < 900


def test_a_preview_opens_no_connection(bench: GatewayBench) -> None:
    made = bench.provider().create(Create(urn=URN, type=TYPE, properties=INPUTS, preview=True))
    assert made.id == ""
    assert made.properties["gatewayArn"] == UNKNOWN
    assert bench.counter.calls == []


def running(folder: Path) -> GatewayBench:
    """Return a cloud whose appliance answers already."""
    folder.mkdir()
    bench = cloud(folder)
    bench.view.sleep(300)
    return bench


def test_killed_after_any_call_the_next_run_ends_with_one_gateway_and_one_cache(tmp_path: Path) -> None:
    number = 0
    while True:
        number += 1
        bench = running(tmp_path / str(number))
        bench.credentials.kill_after = number
        try:
            create(bench.provider())
        except Killed:
            bench.undisturbed()
            create(bench.provider())
        else:
            bench.close()
            break  # the run has fewer calls: all of them were killed
        the_one_gateway(bench)
        assert bench.count("ActivateGateway") == 1, f"killed at call {number}"
        assert bench.count("AddCache") == 1, f"killed at call {number}"
        bench.close()
    assert number > 15


@pytest.mark.parametrize(("first", "second"), [(2, 1), (2, 2), (2, 12), (12, 3), (14, 14)])
def test_killed_twice_in_a_row(tmp_path: Path, first: int, second: int) -> None:
    bench = running(tmp_path / "cloud")
    for number in (first, second):
        bench.credentials.kill_after = bench.credentials.made + number
        with pytest.raises(Killed):
            create(bench.provider())
    bench.undisturbed()
    create(bench.provider())
    the_one_gateway(bench)
    assert (bench.count("ActivateGateway"), bench.count("AddCache")) == (1, 1)
    bench.close()


@pytest.mark.parametrize("operation", ["ActivateGateway", "AddCache", "UpdateMaintenanceStartTime", "PutSecretValue"])
def test_a_lost_response_makes_nothing_twice(tmp_path: Path, operation: str) -> None:
    again = running(tmp_path / "again")
    again.counter.lose = operation
    create(again.provider())
    the_one_gateway(again)
    assert again.count(operation) > 1, "the response was not lost"
    again.close()


def test_a_gateway_that_somebody_else_activated_is_adopted(bench: GatewayBench) -> None:
    first, _ = create(bench.provider())
    second, _ = create(bench.provider())
    assert first == second
    assert bench.count("ActivateGateway") == 1


def test_an_appliance_that_never_answers_ends_the_wait_with_one_sentence(bench: GatewayBench) -> None:
    with pytest.raises(ProviderError) as failed:
        create(bench.provider(), address="10.64.1.99")
    assert failed.value.code == "unreachable"
    assert "10.64.1.99:80" in failed.value.message
    assert bench.count("ActivateGateway") == 0
    assert bench.view.objects(RULES) == []


def test_a_missing_cache_disk_leaves_a_gateway_that_the_next_update_completes(bench: GatewayBench) -> None:
    bench.view.remove("aws:ec2/volumeAttachment:VolumeAttachment", "vai-vol-1")
    with pytest.raises(InitFailed) as failed:
        create(bench.provider())
    assert "150 GiB" in failed.value.reasons[0]
    assert failed.value.id.startswith("arn:aws:storagegateway:")
    for item in attached_volume("vol-1", INSTANCE, size_gib=150):
        bench.view.put(item)
    properties = update(bench.provider(), failed.value.id, failed.value.properties)
    assert len(properties["cacheDiskIds"]) == 1
    assert bench.count("ActivateGateway") == bench.count("AddCache") == 1


def test_a_cache_grows_by_a_disk_and_settings_change_in_place(bench: GatewayBench) -> None:
    arn, properties = create(bench.provider())
    for item in attached_volume("vol-2", INSTANCE, size_gib=200):
        bench.view.put(item)
    bench.view.sleep(60)
    changed = update(bench.provider(), arn, properties, cacheSizesGib=[150, 200], gatewayName="cell-acme-2")
    assert len(changed["cacheDiskIds"]) == 2
    assert the_one_gateway(bench)["gatewayName"] == "cell-acme-2"
    calls = len(bench.counter.calls)
    update(bench.provider(), arn, changed, cacheSizesGib=[150, 200], gatewayName="cell-acme-2")
    again = bench.counter.calls[calls:]
    closing = "RevokeSecurityGroupIngress"  # of what a run that was killed may have left open
    assert all(name == closing or name.startswith(("Describe", "List")) for name in again), again


def test_cancel_ends_the_wait(bench: GatewayBench) -> None:
    provider = bench.provider()
    provider.cancel()
    with pytest.raises(ProviderError) as stopped:
        create(provider)
    assert stopped.value.code == "cancelled"


def test_inputs_are_checked_all_at_once(bench: GatewayBench) -> None:
    found = check(bench.provider(), timezone="UTC", capacity="Huge", cacheSizesGib=[], gatewayName="a/b", colour="red")
    assert set(found) == {"timezone", "capacity", "cacheSizesGib", "gatewayName", "colour"}
    assert check(bench.provider()) == {}
    assert check(bench.provider(), instanceId=UNKNOWN, address=UNKNOWN) == {}
    assert set(check(bench.provider(), region=None)) == {"region"}


def test_a_cache_cannot_shrink(bench: GatewayBench) -> None:
    assert set(check(bench.provider(), olds=INPUTS | {"cacheSizesGib": [150, 200]})) == {"cacheSizesGib"}
    assert check(bench.provider(), olds=INPUTS, cacheSizesGib=[200, 150]) == {}
    (why,) = check(bench.provider(), olds=INPUTS, cacheSizesGib=[400]).values()
    assert "it has [150]; say cacheGiB: [150, 250]" in why


@pytest.mark.parametrize(
    ("changed", "kind", "replaces"),
    [
        ({}, "none", ()),
        ({"address": "10.64.1.77"}, "none", ()),
        ({"cacheSizesGib": [150.0]}, "none", ()),
        ({"gatewayName": "other"}, "some", ()),
        ({"instanceId": "i-0ffffffffffffffff"}, "some", ("instanceId",)),
        ({"region": "eu-central-1"}, "some", ("region",)),
    ],
)
def test_what_replaces_a_gateway(bench: GatewayBench, changed: dict[str, object], kind: str, replaces: tuple) -> None:
    found = bench.provider().diff(
        Diff(urn=URN, type=TYPE, id="arn", olds=INPUTS, old_inputs=INPUTS, news=INPUTS | changed)
    )
    assert (found.changes, found.replaces) == (kind, replaces)


def test_read_tells_gone_from_unreachable(bench: GatewayBench) -> None:
    provider = bench.provider()
    arn, properties = create(provider)
    request = Read(urn=URN, type=TYPE, id=arn, properties=properties, inputs=INPUTS)
    found = provider.read(request)
    assert found is not None
    assert (found.inputs, found.properties) == (INPUTS, properties | {"cacheDirtyPercent": 0.0})
    bench.view.remove("aws:ec2/instance:Instance", INSTANCE)
    with pytest.raises(ProviderError) as unreachable:
        provider.read(request)
    assert unreachable.value.code == "unreachable"
    other = arn[:-8] + "00000000"
    assert provider.read(Read(urn=URN, type=TYPE, id=other, properties={}, inputs=INPUTS)) is None
    bench.close()
    with pytest.raises(ProviderError) as down:
        bench.provider().read(request)
    assert down.value.code == "unreachable"


def test_read_finds_a_gateway_to_import_and_shows_drift(bench: GatewayBench) -> None:
    provider = bench.provider()
    arn, properties = create(provider)
    imported = provider.read(Read(urn=URN, type=TYPE, id=arn, properties={}, inputs={}))
    assert imported is not None
    assert imported.inputs["instanceId"] == INSTANCE
    assert imported.inputs["tags"] == {"cell": "acme"}
    provider_with_drift = bench.provider()
    update(provider_with_drift, arn, properties, gatewayName="somebody-renamed-me")
    drifted = provider.read(Read(urn=URN, type=TYPE, id=arn, properties=properties, inputs=INPUTS))
    assert drifted is not None
    assert drifted.inputs["gatewayName"] == "somebody-renamed-me"


def test_a_gateway_with_unsent_data_is_not_deleted(bench: GatewayBench) -> None:
    provider = bench.provider()
    arn, properties = create(provider)
    bench.view.change("aws:storagegateway/gateway:Gateway", arn, cacheDirtyPercent=12.5)
    with pytest.raises(ProviderError) as refused:
        delete(provider, arn, properties)
    assert "12.5 %" in refused.value.message
    assert refused.value.code == "conflict"
    the_one_gateway(bench)
    delete(provider, arn, properties | {"acceptDataLoss": True})
    assert bench.view.objects("aws:storagegateway/gateway:Gateway") == []


def test_a_gateway_deleted_behind_our_back_is_gone(bench: GatewayBench) -> None:
    provider = bench.provider()
    arn, properties = create(provider)
    bench.view.remove("aws:storagegateway/gateway:Gateway", arn)
    assert provider.read(Read(urn=URN, type=TYPE, id=arn, properties=properties, inputs=INPUTS)) is None
    delete(provider, arn, properties)
    assert bench.count("DeleteGateway") == 0


def test_a_cache_that_cannot_be_read_counts_as_dirty(bench: GatewayBench) -> None:
    provider = bench.provider()
    arn, properties = create(provider)
    bench.view.remove("aws:ec2/instance:Instance", INSTANCE)
    with pytest.raises(ProviderError) as refused:
        delete(provider, arn, properties)
    assert "cannot be read" in refused.value.message
    delete(provider, arn, properties | {"acceptDataLoss": True})
    delete(provider, arn, properties)


def test_the_guest_password_is_in_its_secret_and_nowhere_else(bench: GatewayBench) -> None:
    provider = bench.provider()
    _, properties = create(provider)
    client = bench.credentials.aws("eu-west-1").client(
        "secretsmanager", endpoint_url=bench.dialer.route("service:secretsmanager:eu-west-1", 443).url
    )
    password = client.get_secret_value(SecretId=PASSWORD)["SecretString"]
    client.close()
    assert len(password) >= 24
    assert password not in repr(properties)


JOINER = PASSWORD.replace("guest", "joiner")
DOMAIN = {"domain": "corp.example.com", "domainUnit": "OU=Octopus,DC=corp,DC=example,DC=com", "domainSecret": JOINER}


def told(bench: GatewayBench, value: str, arn: str = JOINER) -> None:
    """Give the secret of whoever may join machines a value."""
    from cellctl_provider.context import Context

    known = {"arn": arn, "name": "octopus/joiner"}
    bench.view.put(CloudObject(type="aws:secretsmanager/secret:Secret", id=arn, properties=known))
    Context(dialer=bench.dialer, sleep=bench.view.sleep, credentials=bench.credentials).secrets.replace(arn, value)


def test_a_gateway_joins_its_domain_once_and_says_when_it_is_no_member_any_more(bench: GatewayBench) -> None:
    told(bench, '{"username": "CORP\\\\joiner", "password": "Join-1"}')
    provider = bench.provider()
    arn, outputs = create(provider, **DOMAIN)
    assert bench.count("JoinDomain") == 1
    assert "Join-1" not in str(outputs)
    update(bench.provider(), arn, outputs, **DOMAIN, timezone="GMT+1:00")
    assert bench.count("JoinDomain") == 1
    update(bench.provider(), arn, outputs, **{**DOMAIN, "domain": "other.example.com"})
    assert bench.count("JoinDomain") == 2
    found = bench.provider().read(Read(urn=URN, type=TYPE, id=arn, properties=outputs, inputs=INPUTS | DOMAIN))
    assert found is not None
    assert found.inputs["domain"] == "other.example.com"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ('{"username": "joiner", "password": "guessed"}', "ACCESS_DENIED"),
        ('{"username": "joiner"}', "does not hold"),
        ("Join-1", "does not hold"),
    ],
)
def test_a_domain_that_does_not_take_the_gateway_is_said_without_a_secret(
    bench: GatewayBench, value: str, why: str
) -> None:
    told(bench, '{"username": "joiner", "password": "Join-1"}', PASSWORD.replace("guest", "directory"))
    told(bench, value)
    with pytest.raises(InitFailed, match=why) as failed:
        create(bench.provider(), **DOMAIN)
    assert "guessed" not in str(failed.value)
    assert "Join-1" not in str(failed.value)
    told(bench, '{"username": "joiner", "password": "Join-1"}')
    update(bench.provider(), failed.value.id, {**INPUTS, **DOMAIN}, **DOMAIN)  # goes on where it was
    assert bench.count("ActivateGateway") == 1


def test_the_permissions_of_a_gateway_are_the_calls_that_are_made_for_it(bench: GatewayBench) -> None:
    told(bench, '{"username": "joiner", "password": "Join-1"}')
    arn, outputs = create(bench.provider(), smbSecurityStrategy="ClientSpecified", **DOMAIN)
    bench.provider().read(Read(urn=URN, type=TYPE, id=arn, properties=outputs, inputs=INPUTS))
    update(bench.provider(), arn, outputs, tags={"cell": "acme", "more": "x"}, capacity="Medium")
    bench.undisturbed()
    gateways = ProviderGateways(dialer=bench.dialer, credentials=bench.credentials, sleep=bench.view.sleep)
    bucket = {"arn": "arn:aws:s3:::b", "bucket": "b"}
    bench.view.put(CloudObject(type="aws:s3/bucket:Bucket", id="b", properties=bucket))
    share = f"{arn.rpartition(':')[0]}:share/share-00000001"
    known = {"arn": share, "gatewayArn": arn, "fileShareName": "x", "locationArn": "arn:aws:s3:::b"}
    bench.view.put(CloudObject(type="aws:storagegateway/nfsFileShare:NfsFileShare", id=share, properties=known))
    gateways.scrub("eu-west-1", "b", share)
    gateways.close()
    bench.view.remove("aws:storagegateway/nfsFileShare:NfsFileShare", share)
    delete(bench.provider(), arn, outputs)
    found = permissions("aws")[TYPE]
    # Whoever deletes a gateway waits for the end of its shares; that list is ShareAccess's to name.
    listed = {*found.read, *found.write, "storagegateway:ListFileShares"}
    ours = {one.partition(":")[2] for one in listed if one.startswith(("storagegateway:", "secretsmanager:", "ec2:"))}
    assert {*bench.counter.calls} - {"DescribeSecret"} == ours
