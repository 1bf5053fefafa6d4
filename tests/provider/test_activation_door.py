"""Port 80 of an appliance: open while its gateway is activated, closed again whatever happens; against moto too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from test_file_gateway import GROUP, RULES, cloud, create, update

from cellctl.dialer import DirectDialer
from cellctl_provider.aws.activation_door import Door, Doors
from cellctl_provider.context import Context
from cellctl_provider.protocol import InitFailed, ProviderError
from cellctl_sandbox.standins.aws_json import ApiError
from cellctl_sandbox.testing.gateway_bench import GatewayBench, Killed

DOOR = Door("eu-west-1", GROUP, "10.255.0.0/24")


class Hop:
    """A network in which the appliance's group admits cellctl on port 80 by a rule, or not at all."""

    def __init__(self, bench: GatewayBench) -> None:
        self.bench, self.passed = bench, 0

    def dialled(self, name: str, port: int) -> None:
        """Let a dial through, or time out."""
        del name
        rules = [one.properties for one in self.bench.view.objects(RULES)]
        if port == 80 and not any((rule["fromPort"], rule["cidrIpv4"]) == (80, DOOR.cidr) for rule in rules):
            raise TimeoutError(f"timed out: no ingress rule on {GROUP} admits tcp/80")
        self.passed += port == 80


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[GatewayBench]:
    made = cloud(tmp_path)
    made.view.sleep(300)
    yield made
    made.close()


@pytest.fixture
def hop(bench: GatewayBench) -> Hop:
    bench.dialer._way = hop = Hop(bench)
    return hop


def test_the_rule_is_there_while_the_gateway_is_activated_and_gone_after(bench: GatewayBench, hop: Hop) -> None:
    create(bench.provider())
    assert hop.passed == 1
    assert bench.view.objects(RULES) == []
    calls = bench.counter.calls
    first, last = calls.index("AuthorizeSecurityGroupIngress"), calls.index("RevokeSecurityGroupIngress")
    assert first < calls.index("ActivateGateway") < last


def test_without_it_activation_times_out_and_names_the_hop(bench: GatewayBench, hop: Hop) -> None:
    with pytest.raises(ProviderError) as failed:
        create(bench.provider(), securityGroupId="", controlCidr="")
    assert f"no ingress rule on {GROUP} admits tcp/80" in failed.value.message
    assert hop.passed == 0
    assert "AuthorizeSecurityGroupIngress" not in bench.counter.calls


def test_one_for_another_range_lets_nobody_in_and_is_closed_after_the_failure(bench: GatewayBench, hop: Hop) -> None:
    with pytest.raises(ProviderError, match="did not happen within 20 minutes"):
        create(bench.provider(), controlCidr="10.9.0.0/24")
    assert (hop.passed, bench.view.objects(RULES)) == (0, [])


def test_killed_after_any_call_the_next_run_leaves_no_way_in(tmp_path: Path) -> None:
    open_ = number = 0
    while True:
        number += 1
        (tmp_path / str(number)).mkdir()
        bench = cloud(tmp_path / str(number))
        bench.view.sleep(300)
        bench.dialer._way = Hop(bench)
        bench.credentials.kill_after = number
        try:
            create(bench.provider())
        except Killed:
            open_ += bool(bench.view.objects(RULES))
            bench.undisturbed()
            create(bench.provider())
            assert bench.view.objects(RULES) == [], f"killed at call {number}"
            assert bench.count("ActivateGateway") == 1
        else:
            break
        finally:
            bench.close()
    assert open_ >= 3  # while it was open: after opening it, after looking for the gateway, after activating it


class Refusing:
    """Refuses to close what is open, as long as it is told to."""

    def __init__(self, bench: GatewayBench) -> None:
        self.on, self._before = True, bench.counter.before
        bench.counter.before = self.before  # type: ignore[method-assign]

    def before(self, service: str, operation: str) -> ApiError | None:
        if self.on and operation == "RevokeSecurityGroupIngress":
            return ApiError("UnauthorizedOperation", "You are not authorized to perform this operation.", status=403)
        return self._before(service, operation)


def test_one_that_cannot_be_closed_fails_the_step_and_keeps_the_gateway(bench: GatewayBench, hop: Hop) -> None:
    refusing = Refusing(bench)
    with pytest.raises(InitFailed) as failed:
        create(bench.provider())
    assert "closing port 80" in failed.value.reasons[0]
    assert len(bench.view.objects(RULES)) == 1
    refusing.on = False
    update(bench.provider(), failed.value.id, failed.value.properties)
    assert bench.view.objects(RULES) == []
    assert (hop.passed, bench.count("ActivateGateway")) == (1, 1)


def test_a_failure_says_what_stays_open(bench: GatewayBench, hop: Hop) -> None:
    Refusing(bench)
    with pytest.raises(ProviderError) as failed:
        create(bench.provider(), address="10.64.1.99")
    assert failed.value.code == "unreachable"
    assert "10.64.1.99:80" in failed.value.message
    assert f"; port 80 of {GROUP} stays open to 10.255.0.0/24: " in failed.value.message
    assert hop.passed > 0


def test_gateways_that_share_a_group_share_its_door_and_the_last_one_closes_it(bench: GatewayBench) -> None:
    doors = Doors(Context(dialer=bench.dialer, sleep=bench.view.sleep, credentials=bench.credentials))
    inside, leave = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with doors.opened(DOOR):
            inside.wait()
            leave.wait()

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()
    with doors.opened(DOOR):
        doors.shut(DOOR)  # of a gateway that was ready before: the others still need it
    assert len(bench.view.objects(RULES)) == 1
    leave.set()
    for thread in threads:
        thread.join()
    assert bench.view.objects(RULES) == []
    assert bench.count("AuthorizeSecurityGroupIngress") == bench.count("RevokeSecurityGroupIngress") == 1


def test_a_rule_that_is_there_is_taken_and_one_that_is_gone_is_no_error(bench: GatewayBench) -> None:
    doors = Doors(Context(dialer=bench.dialer, sleep=bench.view.sleep, credentials=bench.credentials))
    doors._open(DOOR)
    with doors.opened(DOOR):
        assert len(bench.view.objects(RULES)) == 1
    doors.shut(DOOR)
    with pytest.raises(ProviderError) as gone, doors.opened(Door("eu-west-1", "sg-0dead", DOOR.cidr)):
        pass
    assert (gone.value.code, "sg-0dead" in gone.value.message) == ("not_found", True)


class Account:
    """The credentials of moto's account."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session

    def aws(self, region: str) -> boto3.Session:
        del region
        return self._session


def test_moto_has_the_rule_while_the_door_is_open(aws: boto3.Session) -> None:
    ec2 = aws.client("ec2")
    network = ec2.create_vpc(CidrBlock="10.64.0.0/20")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="gateway", Description="x", VpcId=network)["GroupId"]

    def ports() -> list[tuple[int, str]]:
        (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return [(one["FromPort"], one["IpRanges"][0]["CidrIp"]) for one in found["IpPermissions"]]

    credentials = Account(aws)
    context = Context(dialer=DirectDialer(), sleep=lambda _s: None, credentials=credentials)  # type: ignore[arg-type]
    doors, door = Doors(context), Door("eu-west-1", group, "10.255.0.0/24")
    with doors.opened(door):
        assert ports() == [(80, "10.255.0.0/24")]
    assert ports() == []
    doors.shut(door)
    doors._open(door)
    with doors.opened(door):
        assert ports() == [(80, "10.255.0.0/24")]
    assert ports() == []
    with pytest.raises(ProviderError) as gone:
        doors.shut(Door("eu-west-1", "sg-0123456789abcdef0", "10.255.0.0/24"))
    assert gone.value.code == "not_found"
