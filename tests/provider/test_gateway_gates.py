"""The gates of a gateway, tried over real NFS and S3 against stand-ins: each is shut by what it is there for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cellctl.gates import GATES, Judged
from cellctl.verify import gates
from cellctl_provider.aws.share_access import NOBODY
from cellctl_provider.aws.share_probe import FILE
from cellctl_provider.gateways import ProviderGateways
from cellctl_provider.nfs import Identity, NfsError, mounted
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.control import open_control
from cellctl_sandbox.service_faults import ServiceFaults
from cellctl_sandbox.standins.cloud_view import CloudObject, find
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.nfs.files import DENIED, NO_ENTRY
from cellctl_sandbox.standins.storage_gateway.gateways import GATEWAY, GatewayRecord
from cellctl_sandbox.testing.cloud import gateway_instance
from cellctl_sandbox.testing.gateway_bench import CLIENT, GatewayBench, Killed, PlainSeal

INSTANCE = "i-0a1b2c3d4e5f60718"
NFS, BUCKET = "aws:storagegateway/nfsFileShare:NfsFileShare", "aws:s3/bucket:Bucket"
PREFIX = "arn:aws:storagegateway:eu-west-1:123456789012"
ARN, HOST = f"{PREFIX}:gateway/sgw-00000001", "g1.r1.reef.internal"
SHARES = [{"name": f"g1-{n}", "arn": f"{PREFIX}:share/share-0000000{n}", "bucket": f"bucket-{n}"} for n in range(3)]
ROW = {
    "name": "reef-r1-g1", "region": "eu-west-1", "arn": ARN, "host": HOST, "protocol": "nfs",
    "control": "10.255.0.0/24", "shares": SHARES, "probe": "g1-2",
}  # fmt: skip
OWNER = Identity(uid=1000, gid=1000)


class Bench(GatewayBench):
    """A gateway with three shares that admit nobody."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, seal=PlainSeal())
        self.view.put(gateway_instance(INSTANCE))
        record = GatewayRecord(
            arn=ARN, gateway_id="sgw-00000001", instance_id=INSTANCE, region="eu-west-1", cell="r1",
            name="reef-r1-g1", timezone="GMT", type="FILE_S3", activated_s=0.0, cache={"vol-1": "disk"},
        )  # fmt: skip
        with Documents(self.database, "gateway_documents").transaction() as transaction:
            transaction.put("gateway", ARN, asdict(record))
        self._put(GATEWAY, ARN, ec2InstanceId=INSTANCE, cacheDirtyPercent=0.0)
        self._put("aws:route53/record:Record", "name", name=HOST, records=["10.64.1.10"])
        defaults = {"directoryMode": "0770", "fileMode": "0660", "ownerId": "1000", "groupId": "1000"}
        for share in SHARES:
            self._put(BUCKET, share["bucket"], arn=f"arn:aws:s3:::{share['bucket']}")
            self._put(
                NFS, share["arn"], arn=share["arn"], gatewayArn=ARN, fileShareName=share["name"],
                locationArn=f"arn:aws:s3:::{share['bucket']}", clientLists=[NOBODY], nfsFileShareDefaults=defaults,
            )  # fmt: skip
        self.view.sleep(100)

    def _put(self, type: str, id: str, **properties: object) -> None:
        self.view.put(CloudObject(type=type, id=id, properties=properties, cell="r1", region="eu-west-1"))

        self.reader = ProviderGateways(dialer=self.dialer, credentials=self.credentials, sleep=self.view.sleep)

    def judged(self, **changed: object) -> Judged:
        return gates.judged(ROW | changed, self.dialer, self.reader, sleep=self.view.sleep)

    def close(self) -> None:
        self.reader.close()
        super().close()

    def clients(self, share: int = 2) -> object:
        found = find(self.view, NFS, "arn", SHARES[share]["arn"])
        assert found is not None
        return found.properties["clientLists"]

    def mount(self, share: str, who: Identity = OWNER):
        return mounted(self.dialer, HOST, share, who)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_of_shares_of_which_nothing_is_known_only_what_admits_nobody_and_holds_nothing_is_clean(bench: Bench) -> None:
    bench.objects.put("bucket-0", "ServerTasks-1.log", b"a former customer's")
    bench.objects.put("bucket-2", FILE, b"left by a probe that was killed")
    found = find(bench.view, NFS, "arn", SHARES[1]["arn"])
    assert found is not None
    bench.view.put(replace(found, properties={**found.properties, "clientLists": ["10.64.1.20"]}))
    unproven = [share["name"] for share in SHARES]
    judged = bench.judged(probe="", unproven=unproven)
    assert judged.clean == (SHARES[2]["arn"],)
    assert judged.passed, judged.shut
    assert "through g1-2 came to bucket bucket-2" in judged.gates[3].message
    assert [one.key for one in bench.objects.versions("bucket-0")] == ["ServerTasks-1.log"]
    assert bench.clients(1) == ["10.64.1.20"]
    assert bench.judged(probe="", unproven=unproven[:2]).gates[3].message == "no share is free for a file to be written"


def test_a_file_goes_through_a_share_into_its_bucket_and_the_share_is_closed_again(bench: Bench) -> None:
    judged = bench.judged()
    assert judged.passed, judged.shut
    assert [one.gate for one in judged.gates] == list(GATES)
    assert bench.clients() == [NOBODY]
    assert bench.count("UpdateNFSFileShare") == 2
    assert bench.objects.versions("bucket-2") == bench.objects.versions("bucket-0") == []
    assert (judged.facts.software, judged.facts.window, judged.facts.dirty_percent) == ("2.2.4", "Mon 03:00 GMT", 0.0)


def offline(bench: Bench) -> None:
    bench.view.remove("aws:ec2/instance:Instance", INSTANCE)


def share_gone(bench: Bench) -> None:
    bench.view.remove(NFS, SHARES[0]["arn"])


def unnamed(bench: Bench) -> None:
    bench.view.remove("aws:route53/record:Record", "name")


def read_only(bench: Bench) -> None:
    bench.view.change(NFS, SHARES[2]["arn"], readOnly=True)


def dirty(bench: Bench) -> None:
    bench.view.change(GATEWAY, ARN, cacheDirtyPercent=12.5)


def bucket_gone(bench: Bench) -> None:
    bench.view.remove(BUCKET, "bucket-2")


@pytest.mark.parametrize(
    ("broken", "shut", "says"),
    [
        (offline, {"connected", "name", "write", "cache"}, "not connected"),
        (share_gone, {"shares", "write"}, "share was not found"),
        (unnamed, {"name", "write"}, f"{HOST}:2049 does not lead to it"),
        (read_only, {"write"}, "access denied"),
        (bucket_gone, {"write"}, "share g1-2 of g1.r1.reef.internal cannot be used"),
        (dirty, {"cache"}, "12.5 % of its cache"),
    ],
)
def test_each_gate_is_shut_by_what_it_is_there_for(
    bench: Bench, broken: Callable[[Bench], None], shut: set[str], says: str
) -> None:
    broken(bench)
    judged = bench.judged()
    assert not judged.passed
    assert {one.gate for one in judged.shut} == shut
    assert says in " ".join(one.message for one in judged.shut)
    assert all(one.hint for one in judged.shut)
    assert bench.view.now() > 600 or "cache" not in shut  # it was waited for


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"name": "WRITE", "error": "capacity"}, "writing .cellctl-probe: no space left"),
        ({"name": "READ", "error": "auth"}, "reading .cellctl-probe: access denied"),
        ({"name": "CREATE", "error": "internal"}, "making .cellctl-probe: the server failed"),
        ({"name": "REMOVE", "error": "throttle"}, "removing .cellctl-probe: NFS error 10008"),
        ({"name": "WRITE", "effect": "lost"}, "share g1-2 of g1.r1.reef.internal cannot be used"),
        ({"name": "MNT", "error": "throttle"}, "does not say whom it lets in: mounting g1-2: the server failed"),
    ],
)
def test_fault_rules_strike_the_files_of_a_gateway(
    bench: Bench, tmp_path: Path, rule: dict[str, object], said: str
) -> None:
    database = Database.open(tmp_path / "home")
    clock = SimulatedClock.of(database)
    clock.pace = 0.0
    bench.disturb_files = ServiceFaults(database, clock).called("nfs")
    open_control(tmp_path / "home").add_fault({"type": "service:nfs", "count": 1, **rule})
    [(gate, why)] = [(one.gate, one.message) for one in bench.judged().shut]
    assert gate == "write"
    assert said in why
    assert bench.clients() == [NOBODY]
    assert bench.judged().passed
    clock.close()


def test_without_a_share_that_is_free_or_anybody_to_ask_no_gate_is_taken_for_open(bench: Bench) -> None:
    assert [one.gate for one in bench.judged(probe="").shut] == ["write"]
    alone = gates.judged(ROW, bench.dialer, None, sleep=bench.view.sleep)
    assert (alone.passed, [one.gate for one in alone.shut]) == (False, ["connected"])


def test_a_probe_that_was_killed_anywhere_leaves_what_the_next_one_puts_right(bench: Bench) -> None:
    left = set()
    for call in range(1, 40):
        bench.credentials.kill_after = bench.credentials.made + call
        try:
            assert bench.judged().passed
            break
        except Killed:  # each starts from what the one before it left
            left.add(tuple(bench.clients()))
    assert bench.clients() == [NOBODY]
    assert FILE not in bench.objects.files("bucket-2")
    assert 8 < call < 39
    assert len(left) == 2  # killed while the share was open, too


def test_a_share_tells_its_clients_by_their_address_and_owner(bench: Bench) -> None:
    for name, status in (("g1-0", DENIED), ("g9", NO_ENTRY)):
        with pytest.raises(NfsError) as refused, bench.mount(name):
            pass
        assert refused.value.status == status
    bench.view.change(NFS, SHARES[0]["arn"], clientLists=[f"{CLIENT}/32"])
    for uid in (0, 1234):  # root is squashed
        with pytest.raises(NfsError, match="access denied"), bench.mount("g1-0", Identity(uid=uid, gid=uid)) as share:
            share.write("a", b"x")
    data = bytes(range(256)) * 1024
    with bench.mount("g1-0") as share:
        share.write("a", data)
        assert share.read("a", len(data)) == data
        assert bench.judged(probe="").facts.dirty_percent == 0.0  # uploaded while the gates were waited for
        bench.view.change(NFS, SHARES[0]["arn"], clientLists=[NOBODY])
        with pytest.raises(NfsError, match="access denied"):
            share.read("a", 1)
    assert bench.objects.files("bucket-0") == {"a": data}


def test_a_bucket_is_emptied_to_the_last_version(bench: Bench) -> None:
    for number in range(3):
        bench.objects.put("bucket-1", f"a & {number}", b"x" * number)
    bench.objects.put("bucket-1", "a & 0", None)
    bench.view.sleep(60)
    reader = bench.reader
    assert reader.scrub("eu-west-1", "bucket-1") == 4
    assert reader.scrub("eu-west-1", "bucket-1", SHARES[1]["arn"]) == 0
    assert bench.count("RefreshCache") == 1
    assert bench.objects.versions("bucket-1") == []
