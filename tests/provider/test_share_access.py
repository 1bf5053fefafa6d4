"""`cellctl:aws:ShareAccess`: exactly the cell's nodes, nobody after deletion, and no other share is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cellctl.state.values import UNKNOWN
from cellctl_provider.aws.share_access import NO_USER, NOBODY
from cellctl_provider.protocol import Check, Create, Delete, Diff, Provider, ProviderError, Read, Update
from cellctl_sandbox.standins.cloud_view import CloudObject, find
from cellctl_sandbox.testing.cloud import gateway_instance
from cellctl_sandbox.testing.gateway_bench import GatewayBench, Killed, PlainSeal

TYPE = "cellctl:aws:ShareAccess"
URN = f"urn:pulumi:cell-acme::octopus-cells::cells:aws:Cell$cells:aws:ShareSet${TYPE}::packages"
INSTANCE = "i-0a1b2c3d4e5f60718"
NFS = "aws:storagegateway/nfsFileShare:NfsFileShare"
SMB = "aws:storagegateway/smbFileShare:SmbFileShare"
PREFIX = "arn:aws:storagegateway:eu-west-1:123456789012"
SHARE, OTHER, GUEST, DIRECTORY = (f"{PREFIX}:share/share-0000000{number}" for number in range(4))
NODES = ["10.64.1.21", "10.64.2.22"]
INPUTS = {"region": "eu-west-1", "shareArn": SHARE, "protocol": "nfs", "clients": NODES}


def share(bench: GatewayBench, kind: str, arn: str, gateway: str, **more: object) -> None:
    properties = {
        "arn": arn,
        "gatewayArn": gateway,
        "fileShareName": arn[-8:],
        "locationArn": f"arn:aws:s3:::cell-acme-{arn[-8:]}",
        "roleArn": "arn:aws:iam::123456789012:role/cells/cell-acme-gateway",
    }
    bench.view.put(CloudObject(type=kind, id=arn, properties=properties | more, cell="acme"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[GatewayBench]:
    from cellctl_sandbox.standins.documents import Documents
    from cellctl_sandbox.standins.storage_gateway.gateways import GatewayRecord, Gateways

    made = GatewayBench(tmp_path, seal=PlainSeal())
    made.view.put(gateway_instance(INSTANCE))
    record = GatewayRecord(
        arn=f"{PREFIX}:gateway/sgw-00000001", gateway_id="sgw-00000001", instance_id=INSTANCE, region="eu-west-1",
        cell="acme", name="cell-acme", timezone="GMT", type="FILE_S3", activated_s=0.0, cache={"vol-1": "disk"},
    )  # fmt: skip
    gateways = Gateways(Documents(made.database, "gateway_documents"), made.view)
    with Documents(made.database, "gateway_documents").transaction() as transaction:
        from dataclasses import asdict

        transaction.put("gateway", record.arn, asdict(record))
    assert gateways.get(record.arn) == record
    made.view.sleep(100)
    share(made, NFS, SHARE, record.arn, clientLists=[NOBODY])
    share(made, NFS, OTHER, record.arn, clientLists=["10.9.9.9"])
    share(made, SMB, GUEST, record.arn, authentication="GuestAccess", readOnly=False)
    share(made, SMB, DIRECTORY, record.arn, authentication="ActiveDirectory", validUserLists=["old"], readOnly=False)
    yield made
    made.close()


def properties(bench: GatewayBench, arn: str, kind: str = NFS) -> dict[str, object]:
    found = find(bench.view, kind, "arn", arn)
    assert found is not None
    return found.properties


def create(provider: Provider, **changed: object) -> dict[str, object]:
    return provider.create(Create(urn=URN, type=TYPE, properties=INPUTS | changed)).properties


def delete(provider: Provider, outputs: dict[str, object]) -> None:
    provider.delete(Delete(urn=URN, type=TYPE, id=str(outputs["shareArn"]), properties=outputs))


def test_the_client_list_is_exactly_the_nodes(bench: GatewayBench) -> None:
    provider = bench.provider()
    outputs = create(provider)
    assert outputs["enforcedBy"] == "client-list"
    assert properties(bench, SHARE)["clientLists"] == sorted(NODES)
    provider.update(
        Update(urn=URN, type=TYPE, id=SHARE, olds=outputs, old_inputs=INPUTS, news=INPUTS | {"clients": ["10.64.1.23"]})
    )
    assert properties(bench, SHARE)["clientLists"] == ["10.64.1.23"]
    assert properties(bench, OTHER)["clientLists"] == ["10.9.9.9"]


def test_deletion_leaves_a_share_that_admits_nobody(bench: GatewayBench) -> None:
    provider = bench.provider()
    outputs = create(provider)
    delete(provider, outputs)
    assert properties(bench, SHARE)["clientLists"] == [NOBODY]
    delete(provider, outputs)
    assert bench.count("UpdateNFSFileShare") == 2
    bench.view.remove(NFS, SHARE)
    delete(provider, outputs)
    assert properties(bench, OTHER)["clientLists"] == ["10.9.9.9"]


def test_no_clients_means_nobody_not_everybody(bench: GatewayBench) -> None:
    create(bench.provider(), clients=[])
    assert properties(bench, SHARE)["clientLists"] == [NOBODY]


def test_what_is_right_already_is_not_written_again(bench: GatewayBench) -> None:
    create(bench.provider())
    create(bench.provider(), clients=list(reversed(NODES)))
    assert bench.count("UpdateNFSFileShare") == 1


def test_killed_at_any_call_the_next_run_completes(bench: GatewayBench) -> None:
    number = 0
    while True:
        number += 1
        bench.credentials.kill_after = bench.credentials.made + number
        try:
            create(bench.provider(), clients=[f"10.64.1.{number}"])
        except Killed:
            bench.undisturbed()
            create(bench.provider(), clients=[f"10.64.1.{number}"])
            assert properties(bench, SHARE)["clientLists"] == [f"10.64.1.{number}"]
        else:
            break
    assert number > 3


def test_a_lost_response_is_repeated(bench: GatewayBench) -> None:
    bench.counter.lose = "UpdateNFSFileShare"
    create(bench.provider())
    assert properties(bench, SHARE)["clientLists"] == sorted(NODES)


def test_a_share_that_is_going_away_ends_the_wait_at_once(bench: GatewayBench) -> None:
    client = bench.credentials.aws("eu-west-1").client(
        "storagegateway", endpoint_url=bench.dialer.route("service:storagegateway:eu-west-1", 443).url
    )
    client.delete_file_share(FileShareARN=SHARE)
    client.close()
    with pytest.raises(ProviderError) as failed:
        create(bench.provider())
    assert failed.value.code == "conflict"
    assert "DELETING" in failed.value.message


def test_smb_guests_rely_on_security_groups_and_a_closed_share_is_read_only(bench: GatewayBench) -> None:
    provider = bench.provider()
    outputs = create(provider, shareArn=GUEST, protocol="smb")
    assert outputs["enforcedBy"] == "security-group"
    assert properties(bench, GUEST, SMB)["readOnly"] is False
    delete(provider, outputs)
    assert properties(bench, GUEST, SMB)["readOnly"] is True


def test_smb_with_a_directory_sets_valid_users(bench: GatewayBench) -> None:
    outputs = create(bench.provider(), shareArn=DIRECTORY, protocol="smb", validUsers=["octopus-acme"])
    assert outputs["enforcedBy"] == "valid-users"
    assert properties(bench, DIRECTORY, SMB)["validUserLists"] == ["octopus-acme"]
    delete(bench.provider(), outputs)
    left = properties(bench, DIRECTORY, SMB)
    assert (left["validUserLists"], left["readOnly"]) == ([NO_USER], True)  # read-only alone lets all of them read


@pytest.mark.parametrize(
    "clients",
    [["0.0.0.0/0"], ["::/0"], ["10.64.1.1/24"], ["node-1"], [f"10.1.{n // 250}.{n % 250}" for n in range(101)]],
)
def test_clients_that_admit_too_many_or_mean_nothing_are_refused(bench: GatewayBench, clients: list[str]) -> None:
    checked = bench.provider().check(Check(urn=URN, type=TYPE, olds={}, news=INPUTS | {"clients": clients}))
    assert {failure.property for failure in checked.failures} == {"clients"}


def test_unknown_clients_pass_the_check(bench: GatewayBench) -> None:
    checked = bench.provider().check(Check(urn=URN, type=TYPE, olds={}, news=INPUTS | {"clients": [UNKNOWN]}))
    assert checked.failures == ()


@pytest.mark.parametrize(
    ("changed", "changes", "replaces"),
    [
        ({"clients": list(reversed(NODES))}, "none", ()),
        ({"clients": ["10.64.1.21"]}, "some", ()),
        ({"shareArn": OTHER}, "some", ("shareArn",)),
    ],
)
def test_the_order_of_clients_means_nothing(
    bench: GatewayBench, changed: dict[str, object], changes: str, replaces: tuple[str, ...]
) -> None:
    request = Diff(urn=URN, type=TYPE, id=SHARE, olds=INPUTS, old_inputs=INPUTS, news=INPUTS | changed)
    found = bench.provider().diff(request)
    assert (found.changes, found.replaces) == (changes, replaces)


def test_read_shows_drift_gone_and_unreachable(bench: GatewayBench) -> None:
    provider = bench.provider()
    outputs = create(provider)
    request = Read(urn=URN, type=TYPE, id=SHARE, properties=outputs, inputs=INPUTS)
    found = provider.read(request)
    assert found is not None
    assert (found.inputs, found.properties) == (INPUTS, outputs)
    bench.view.change(NFS, SHARE, clientLists=["0.0.0.0/0"])
    drifted = provider.read(request)
    assert drifted is not None
    assert drifted.inputs["clients"] == ["0.0.0.0/0"]
    imported = provider.read(Read(urn=URN, type=TYPE, id=SHARE, properties={}, inputs={}))
    assert imported is not None
    assert imported.inputs["protocol"] == "nfs"
    bench.view.remove(NFS, SHARE)
    assert provider.read(request) is None
    bench.dialer.close()
    with pytest.raises(ProviderError) as down:
        bench.provider().read(request)
    assert down.value.code == "unreachable"


def test_the_sentinel_of_components_and_provider_is_one() -> None:
    from cellctl_components import resources

    assert resources.NOBODY == NOBODY
