"""The Storage Gateway API of the sandbox, as boto3 and plain HTTP clients meet it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cellctl_sandbox.standins.aws_endpoint import AwsEndpointStandin
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.storage_gateway import ApplianceStandin, storage_gateway_service
from cellctl_sandbox.testing.cloud import ObjectsInMemory, attached_volume, gateway_instance

REGION = "eu-west-1"
INSTANCE = "i-0a1b2c3d4e5f60718"
ROLE = "arn:aws:iam::123456789012:role/cells/cell-acme-sgw"


@dataclass
class Cloud:
    view: ObjectsInMemory
    api: object
    appliance: ApplianceStandin

    def key(self) -> str:
        route = self.appliance.route("10.64.1.10", 80)
        assert route is not None
        query = {"activationRegion": REGION, "gatewayType": "FILE_S3", "no_redirect": ""}
        return httpx.get(route.url, params=query, trust_env=False).text

    def activate(self) -> str:
        self.view.sleep(300)
        answer = self.api.activate_gateway(
            ActivationKey=self.key(),
            GatewayName="cell-acme",
            GatewayTimezone="GMT",
            GatewayRegion=REGION,
            GatewayType="FILE_S3",
            Tags=[{"Key": "cell", "Value": "acme"}],
        )
        return answer["GatewayARN"]

    def with_cache(self) -> str:
        arn = self.activate()
        self.view.sleep(120)
        disk = self.api.list_local_disks(GatewayARN=arn)["Disks"][0]
        self.api.add_cache(GatewayARN=arn, DiskIds=[disk["DiskId"]])
        return arn


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    view = ObjectsInMemory()
    view.put(gateway_instance(INSTANCE))
    for item in attached_volume("vol-1", INSTANCE, size_gib=150):
        view.put(item)
    documents = Documents(tmp_path / "sandbox.db", "gateway_documents")
    endpoint = AwsEndpointStandin([storage_gateway_service(documents, view)])
    appliance = ApplianceStandin(documents, view, cell="acme", is_appliance=lambda _item: True)
    route = endpoint.route(f"service:storagegateway:{REGION}", 443)
    assert route is not None
    session = boto3.Session(aws_access_key_id="sandbox", aws_secret_access_key="sandbox", region_name=REGION)
    api = session.client("storagegateway", endpoint_url=route.url, config=Config(retries={"total_max_attempts": 1}))
    yield Cloud(view, api, appliance)
    api.close()
    endpoint.close()
    appliance.close()


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["error"]["errorCode"]


def test_the_appliance_answers_only_after_it_has_booted_and_only_until_it_is_activated(cloud: Cloud) -> None:
    assert cloud.appliance.route("10.64.1.10", 80) is None
    cloud.activate()
    assert cloud.appliance.route("10.64.1.10", 80) is None
    assert cloud.appliance.names() == []


def test_the_activation_key_comes_as_a_redirect_too(cloud: Cloud) -> None:
    cloud.view.sleep(300)
    route = cloud.appliance.route("10.64.1.10", 80)
    assert route is not None
    answer = httpx.get(route.url, params={"activationRegion": REGION}, trust_env=False)
    assert answer.status_code == 302
    assert "activationKey=" in answer.headers["location"]
    assert httpx.get(route.url + "/status", trust_env=False).status_code == 404


def test_an_appliance_of_another_cell_with_the_same_address_is_not_reached(cloud: Cloud) -> None:
    cloud.view.put(gateway_instance("i-other", cell="zeta"))
    cloud.view.sleep(300)
    cloud.activate()
    assert cloud.appliance.route("10.64.1.10", 80) is None


def test_a_gateway_is_not_connected_at_once(cloud: Cloud) -> None:
    arn = cloud.activate()
    with pytest.raises(ClientError) as refused:
        cloud.api.describe_gateway_information(GatewayARN=arn)
    assert refused.value.response["Error"]["Code"] == "InvalidGatewayRequestException"
    assert code(refused) == "GatewayNotConnected"
    listed = cloud.api.list_gateways()["Gateways"]
    assert [(item["GatewayARN"], item["Ec2InstanceId"]) for item in listed] == [(arn, INSTANCE)]
    cloud.view.sleep(60)
    described = cloud.api.describe_gateway_information(GatewayARN=arn)
    assert described["GatewayState"] == "RUNNING"
    assert described["Tags"] == [{"Key": "cell", "Value": "acme"}]
    assert described["GatewayNetworkInterfaces"] == [{"Ipv4Address": "10.64.1.10"}]


def test_a_key_works_once_and_not_for_ever(cloud: Cloud) -> None:
    cloud.view.sleep(300)
    old = cloud.key()
    cloud.view.sleep(2000)
    arguments = {"GatewayName": "cell-acme", "GatewayTimezone": "GMT", "GatewayRegion": REGION}
    with pytest.raises(ClientError) as expired:
        cloud.api.activate_gateway(ActivationKey=old, GatewayType="FILE_S3", **arguments)
    assert code(expired) == "ActivationKeyExpired"
    key = cloud.key()
    with pytest.raises(ClientError) as replaced:
        cloud.api.activate_gateway(ActivationKey=old, GatewayType="FILE_S3", **arguments)
    assert code(replaced) == "ActivationKeyInvalid"
    cloud.api.activate_gateway(ActivationKey=key, GatewayType="FILE_S3", **arguments)
    with pytest.raises(ClientError) as used:
        cloud.api.activate_gateway(ActivationKey=key, GatewayType="FILE_S3", **arguments)
    assert code(used) == "ActivationKeyNotFound"
    assert len(cloud.api.list_gateways()["Gateways"]) == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"GatewayTimezone": "UTC"}, "InvalidParameters"),
        ({"GatewayType": "STORED"}, "InvalidParameters"),
        ({"GatewayRegion": "us-east-1"}, "RegionInvalid"),
    ],
)
def test_wrong_activation_parameters_are_refused(cloud: Cloud, changed: dict[str, str], expected: str) -> None:
    cloud.view.sleep(300)
    arguments = {"GatewayName": "cell-acme", "GatewayTimezone": "GMT", "GatewayRegion": REGION}
    with pytest.raises(ClientError) as refused:
        cloud.api.activate_gateway(**({"ActivationKey": cloud.key(), "GatewayType": "FILE_S3"} | arguments | changed))
    assert code(refused) == expected


def test_what_the_model_does_not_allow_is_a_validation_error(cloud: Cloud) -> None:
    arn = cloud.with_cache()
    with pytest.raises(ClientError) as refused:
        cloud.api.update_smb_security_strategy(GatewayARN=arn, SMBSecurityStrategy="Whatever")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError) as pattern:
        cloud.api.update_gateway_information(GatewayARN=arn, GatewayName="a/b")
    assert "regular expression" in str(pattern.value)


def test_an_operation_the_sandbox_does_not_serve_says_so(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.api.list_tapes()
    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"


def test_requests_that_are_not_signed_for_this_service_are_refused(cloud: Cloud) -> None:
    url = cloud.api.meta.endpoint_url
    target = {"X-Amz-Target": "StorageGateway_20130630.ListGateways"}
    assert httpx.post(url, headers=target, content=b"{}", trust_env=False).status_code == 403
    other = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/s3/aws4_request, Signature=0"}
    answer = httpx.post(url, headers=target | other, content=b"{}", trust_env=False)
    assert answer.json()["__type"] == "InvalidSignatureException"


def test_garbage_on_the_wire_breaks_nothing(cloud: Cloud) -> None:
    url = cloud.api.meta.endpoint_url
    signed = {
        "X-Amz-Target": "StorageGateway_20130630.ListGateways",
        "Authorization": f"AWS4 Credential=a/20260101/{REGION}/storagegateway/aws4_request",
    }
    for body in (b"{", b"[]", b"\xff\xfe", b'{"Limit": "ten"}', b'{"Nonsense": 1}'):
        assert httpx.post(url, headers=signed, content=body, trust_env=False).status_code == 400
    assert httpx.get(url, trust_env=False).status_code == 400
    assert cloud.api.list_gateways()["Gateways"] == []


def test_cache_disks_are_added_once_and_get_new_ids(cloud: Cloud) -> None:
    arn = cloud.activate()
    cloud.view.sleep(120)
    (disk,) = cloud.api.list_local_disks(GatewayARN=arn)["Disks"]
    assert (disk["DiskAllocationType"], disk["DiskSizeInBytes"]) == ("AVAILABLE", 150 * 1024**3)
    cloud.api.add_cache(GatewayARN=arn, DiskIds=[disk["DiskId"]])
    with pytest.raises(ClientError) as again:
        cloud.api.add_cache(GatewayARN=arn, DiskIds=[disk["DiskId"]])
    assert code(again) == "DiskAlreadyAllocated"
    with pytest.raises(ClientError) as unknown:
        cloud.api.add_cache(GatewayARN=arn, DiskIds=["nvme-nothing"])
    assert code(unknown) == "DiskDoesNotExist"
    (relabelled,) = cloud.api.list_local_disks(GatewayARN=arn)["Disks"]
    assert relabelled["DiskId"] != disk["DiskId"]
    cache = cloud.api.describe_cache(GatewayARN=arn)
    assert (cache["DiskIds"], cache["CacheAllocatedInBytes"]) == ([relabelled["DiskId"]], 150 * 1024**3)


def test_a_cache_disk_below_the_minimum_is_refused(cloud: Cloud) -> None:
    for item in attached_volume("vol-2", INSTANCE, size_gib=100):
        cloud.view.put(item)
    arn = cloud.activate()
    cloud.view.sleep(120)
    small = next(
        disk for disk in cloud.api.list_local_disks(GatewayARN=arn)["Disks"] if disk["DiskSizeInBytes"] < 150 * 1024**3
    )
    with pytest.raises(ClientError) as refused:
        cloud.api.add_cache(GatewayARN=arn, DiskIds=[small["DiskId"]])
    assert code(refused) == "InvalidParameters"


def test_settings_are_read_back_and_the_guest_password_is_not_kept(cloud: Cloud, tmp_path: Path) -> None:
    arn = cloud.with_cache()
    cloud.api.set_smb_guest_password(GatewayARN=arn, Password="correct horse battery")
    cloud.api.update_smb_security_strategy(GatewayARN=arn, SMBSecurityStrategy="MandatoryEncryptionNoAes128")
    cloud.api.update_smb_file_share_visibility(GatewayARN=arn, FileSharesVisible=False)
    cloud.api.update_maintenance_start_time(GatewayARN=arn, HourOfDay=2, MinuteOfHour=30, DayOfWeek=0)
    cloud.api.update_gateway_information(GatewayARN=arn, GatewayCapacity="Medium", GatewayName="renamed")
    smb = cloud.api.describe_smb_settings(GatewayARN=arn)
    assert (smb["SMBGuestPasswordSet"], smb["FileSharesVisible"]) == (True, False)
    assert smb["SMBSecurityStrategy"] == "MandatoryEncryptionNoAes128"
    window = cloud.api.describe_maintenance_start_time(GatewayARN=arn)
    assert (window["DayOfWeek"], window["HourOfDay"], window["MinuteOfHour"]) == (0, 2, 30)
    described = cloud.api.describe_gateway_information(GatewayARN=arn)
    assert (described["GatewayCapacity"], described["GatewayName"]) == ("Medium", "renamed")
    assert b"correct horse" not in (tmp_path / "sandbox.db").read_bytes()


def share_arguments(arn: str, **more: object) -> dict[str, object]:
    return {
        "ClientToken": "token-packages",
        "GatewayARN": arn,
        "Role": ROLE,
        "LocationARN": "arn:aws:s3:::cell-acme-packages",
        "ClientList": ["192.0.2.1/32"],
    } | more


def test_one_client_token_makes_one_share(cloud: Cloud) -> None:
    arn = cloud.with_cache()
    first = cloud.api.create_nfs_file_share(**share_arguments(arn))
    second = cloud.api.create_nfs_file_share(**share_arguments(arn))
    assert first["FileShareARN"] == second["FileShareARN"]
    with pytest.raises(ClientError) as other:
        cloud.api.create_nfs_file_share(**share_arguments(arn, Squash="NoSquash"))
    assert code(other) == "InvalidParameters"
    with pytest.raises(ClientError) as same_name:
        cloud.api.create_nfs_file_share(**share_arguments(arn, ClientToken="token-other"))
    assert code(same_name) == "InvalidParameters"
    assert len(cloud.api.list_file_shares(GatewayARN=arn)["FileShareInfoList"]) == 1


def test_a_share_passes_through_its_states(cloud: Cloud) -> None:
    gateway = cloud.with_cache()
    share = cloud.api.create_nfs_file_share(**share_arguments(gateway))["FileShareARN"]

    def status() -> str:
        return cloud.api.describe_nfs_file_shares(FileShareARNList=[share])["NFSFileShareInfoList"][0][
            "FileShareStatus"
        ]

    assert status() == "CREATING"
    cloud.view.sleep(20)
    assert status() == "AVAILABLE"
    cloud.api.update_nfs_file_share(FileShareARN=share, ClientList=["10.64.1.20", "10.64.2.20"])
    assert status() == "UPDATING"
    cloud.view.sleep(20)
    info = cloud.api.describe_nfs_file_shares(FileShareARNList=[share])["NFSFileShareInfoList"][0]
    assert info["ClientList"] == ["10.64.1.20", "10.64.2.20"]
    assert (info["Squash"], info["Path"]) == ("RootSquash", "/cell-acme-packages")
    assert info["NFSFileShareDefaults"] == {
        "FileMode": "0666", "DirectoryMode": "0777", "GroupId": 65534, "OwnerId": 65534,
    }  # fmt: skip
    cloud.api.delete_file_share(FileShareARN=share)
    assert status() == "DELETING"
    cloud.view.sleep(20)
    assert cloud.api.list_file_shares(GatewayARN=gateway)["FileShareInfoList"] == []


@pytest.mark.parametrize("clients", [["10.64.1.0/20"], ["nowhere"], ["10.0.0.1/33"]])
def test_clients_are_addresses_or_whole_ranges(cloud: Cloud, clients: list[str]) -> None:
    with pytest.raises(ClientError):
        cloud.api.create_nfs_file_share(**share_arguments(cloud.with_cache(), ClientList=clients))


def test_a_guest_share_needs_the_guest_password_first(cloud: Cloud) -> None:
    arn = cloud.with_cache()
    arguments = share_arguments(arn, Authentication="GuestAccess")
    del arguments["ClientList"]
    with pytest.raises(ClientError) as refused:
        cloud.api.create_smb_file_share(**arguments)
    assert "guest password" in str(refused.value)
    cloud.api.set_smb_guest_password(GatewayARN=arn, Password="correct horse battery")
    share = cloud.api.create_smb_file_share(**arguments)["FileShareARN"]
    info = cloud.api.describe_smb_file_shares(FileShareARNList=[share])["SMBFileShareInfoList"][0]
    assert (info["Authentication"], info["OplocksEnabled"]) == ("GuestAccess", True)
    with pytest.raises(ClientError):
        cloud.api.describe_nfs_file_shares(FileShareARNList=[share])


def test_a_share_without_a_cache_is_refused(cloud: Cloud) -> None:
    arn = cloud.activate()
    cloud.view.sleep(60)
    with pytest.raises(ClientError) as refused:
        cloud.api.create_nfs_file_share(**share_arguments(arn))
    assert code(refused) == "NoDisksAvailable"


def test_a_share_a_program_made_is_the_same_share_for_the_api(cloud: Cloud) -> None:
    from cellctl_sandbox.standins.cloud_view import CloudObject, find

    gateway = cloud.with_cache()
    arn = gateway.rsplit(":", 1)[0] + ":share/share-AAAA1111"
    made = {"arn": arn, "gatewayArn": gateway, "clientLists": ["192.0.2.1/32"], "fileShareName": "tasklogs",
            "locationArn": "arn:aws:s3:::cell-acme-tasklogs", "roleArn": ROLE, "tags": {"cell": "acme"},
            "nfsFileShareDefaults": {"groupId": "1000", "ownerId": "1000"}}  # fmt: skip
    kind = "aws:storagegateway/nfsFileShare:NfsFileShare"
    cloud.view.put(CloudObject(type=kind, id=arn, properties=made, cell="acme"))
    info = cloud.api.describe_nfs_file_shares(FileShareARNList=[arn])["NFSFileShareInfoList"][0]
    assert (info["FileShareName"], info["FileShareStatus"]) == ("tasklogs", "AVAILABLE")
    assert cloud.api.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "cell", "Value": "acme"}]
    cloud.api.update_nfs_file_share(FileShareARN=arn, ClientList=["10.64.1.20"])
    changed = find(cloud.view, kind, "arn", arn)
    assert changed is not None
    assert changed.properties["clientLists"] == ["10.64.1.20"]
    assert changed.properties["fileShareName"] == "tasklogs"


def test_pages_are_followed_by_the_paginator(cloud: Cloud) -> None:
    gateway = cloud.with_cache()
    for number in range(3):
        name = f"share{number}"
        cloud.api.create_nfs_file_share(**share_arguments(gateway, ClientToken=f"token-{number}", FileShareName=name))
    pages = list(cloud.api.get_paginator("list_file_shares").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["FileShareInfoList"]) for page in pages] == [2, 1]


def test_a_gateway_whose_instance_is_gone_is_listed_and_deletable_but_not_connected(cloud: Cloud) -> None:
    arn = cloud.with_cache()
    cloud.view.remove("aws:ec2/instance:Instance", INSTANCE)
    with pytest.raises(ClientError) as refused:
        cloud.api.describe_cache(GatewayARN=arn)
    assert code(refused) == "GatewayNotConnected"
    assert len(cloud.api.list_gateways()["Gateways"]) == 1
    cloud.api.delete_gateway(GatewayARN=arn)
    with pytest.raises(ClientError) as gone:
        cloud.api.delete_gateway(GatewayARN=arn)
    assert code(gone) == "GatewayNotFound"


def test_a_deleted_gateway_cannot_be_activated_again(cloud: Cloud) -> None:
    cloud.api.delete_gateway(GatewayARN=cloud.with_cache())
    assert cloud.appliance.route("10.64.1.10", 80) is None
