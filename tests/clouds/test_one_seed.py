"""One seed is one story of what is late, settles and drifts; another seed is another one."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pulumi_aws import ec2, iam, rds

from cellctl_sandbox.control import Control
from cellctl_sandbox.testing import PulumiSandbox

MONTH_S = 30 * 86400.0
MACHINES, LATE_S = 6, 100.0
SUBNET = "aws:ec2/subnet:Subnet"
_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|'durationSeconds': \d+")
"""What no seed decides: the id of a provider, and how long this machine took."""


def program() -> None:
    """A network, a database, and machines with a profile that is not found at once."""
    network = ec2.Vpc("main", cidr_block="10.0.0.0/16")
    subnets = [
        ec2.Subnet(
            f"s{n}", vpc_id=network.id, cidr_block=f"10.0.{n}.0/24", availability_zone=f"eu-west-1{'abc'[n % 3]}"
        )
        for n in range(MACHINES)
    ]
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.Role("web", name="web", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    profile = iam.InstanceProfile("web", name="web", role=role.name)
    for n, subnet in enumerate(subnets):
        image, size = "ami-0123456789abcdef0", "t3.micro"
        ec2.Instance(f"i{n}", ami=image, instance_type=size, subnet_id=subnet.id, iam_instance_profile=profile.name)
    group = rds.SubnetGroup("db", name="db", subnet_ids=[subnet.id for subnet in subnets[:3]])
    rds.Instance(
        "db", identifier="db", engine="sqlserver-se", engine_version="16.00.4085.2.v1",
        instance_class="db.m6i.large",
        allocated_storage=100, license_model="license-included", username="admin", password="hunter2-hunter2",
        db_subnet_group_name=group.name, skip_final_snapshot=True, auto_minor_version_upgrade=True,
        maintenance_window="sun:03:00-sun:04:00",
    )  # fmt: skip


def story(folder: Path, seed: int) -> tuple[list[str], list[str], set[str]]:
    """Return the events of a month, the calls of the cloud with their times, and who drifted.

    What ends in one simulated instant ends in any order (tests/engine compares the order of what is done one by one).
    """
    with PulumiSandbox(folder) as sandbox:
        control = Control(folder)
        control.reset(seed=seed)
        control.set_ambient(1)
        sandbox.fault(type="aws:ec2/subnet:*", op="create", effect="delay", delay_s=LATE_S, count=0, rate=0.5)
        control.add_drift({"type": "aws:ec2/instance:*", "set": {"tags.by": "mallory"}, "after_s": 3600, "rate": 0.5})
        stack = sandbox.stack("dev", program)
        made = stack.up()
        sandbox.clock.advance(MONTH_S)
        seen = stack.refresh()
        told = [*made.events, *seen.events]
        calls = control.calls()
    late = [call for call in calls if call["type"] == SUBNET and call["operation"] == "create"]
    assert 0 < sum(float(str(call["due_s"])) - float(str(call["at_s"])) > LATE_S for call in late) < MACHINES
    took = [repr([item[key] for key in ("urn", "operation", "at_s", "due_s", "outcome")]) for item in calls]
    events = [_OWN.sub("-", repr({**event, "timestamp": 0, "sequence": 0})) for event in told]
    return sorted(events), sorted(took), {step.name for step in seen.changed}


def test_one_seed_tells_one_story_of_faults_windows_and_drift(tmp_path: Path) -> None:
    events, calls, drifted = story(tmp_path / "a", 7)
    again = story(tmp_path / "b", 7)
    assert calls == again[1]
    assert events == again[0]
    assert drifted == again[2]
    machines = {name for name in drifted if name.startswith("i")}
    assert 0 < len(machines) < MACHINES
    assert "db" in drifted  # upgraded in its window
    assert any("is not found yet" in call for call in calls)
    other = story(tmp_path / "c", 8)
    assert (other[1], other[2]) != (calls, drifted)
