"""`cellctl sandbox …` as people type it: limits, held names, drift, faults, export; and what completion offers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellctl.cli.app import app
from cellctl.errors import UsageError
from cellctl_provider.protocol import Create
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory

VPC = "aws:ec2/vpc:Vpc"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    database = Database.open(tmp_path)
    clock = SimulatedClock.of(database)
    clock.pace = 0.0
    urn = f"urn:pulumi:cell-acme::p::{VPC}::acme-network"
    request = Create(urn=urn, properties={"cidrBlock": "10.0.0.0/16"}, type=VPC, name="acme-network")
    CloudFactory("aws", database)().create(request)
    clock.close()
    return tmp_path


@pytest.fixture
def cellctl(home: Path) -> Callable[..., str]:
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["sandbox", *words, "--home", str(home)], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.stdout

    return run


def test_limits_are_listed_set_and_taken_back(cellctl: Callable[..., str]) -> None:
    listed = cellctl("quota")
    assert "ec2.vpcs" in listed
    assert "000000000000" in listed
    cellctl("quota", "ec2.vpcs", "1", "--region", "eu-west-1")
    (shown,) = json.loads(cellctl("quota", "ec2.vpcs", "--format", "json"))["quotas"]
    assert (shown["used"], shown["limit"], shown["because"]) == (1, 1, "set in this sandbox")
    cellctl("quota", "--clear", "ec2.vpcs")
    assert json.loads(cellctl("quota", "ec2.vpcs", "--format", "json"))["quotas"][0]["limit"] != 1
    with pytest.raises(UsageError, match="there is no quota") as wrong:
        cellctl("quota", "ec2.vpc", "1")
    assert wrong.value.hint == "did you mean ec2.vpcs?"


def test_drift_and_faults_are_listed_and_cleared(cellctl: Callable[..., str]) -> None:
    cellctl("drift", "--type", VPC, "--set", "tags.owner=nobody", "--set", "enableDnsHostnames=true")
    cellctl("drift", "--type", VPC, "--delete", "--after", "2h", "--rate", "0.5")
    rules = json.loads(cellctl("drift", "--format", "json"))["drifts"]
    assert [(rule["set"], rule["after_s"]) for rule in rules] == [
        ({"tags.owner": "nobody", "enableDnsHostnames": True}, 0),
        ({}, 7200),
    ]
    cellctl("fault", "--type", "service:sql", "--name", "CREATE DATABASE", "--error", "throttle", "--skip", "1")
    (rule,) = json.loads(cellctl("fault", "--format", "json"))["faults"]
    assert (rule["type"], rule["skip"], rule["error"]) == ("service:sql", 1, "throttle")
    cellctl("drift", "--clear", "all")
    cellctl("fault", "--clear", str(rule["id"]))
    assert "nothing drifts" in cellctl("drift")
    assert "behave" in cellctl("fault")
    for wrong in (["--set", "tags"], ["--set", "a=1", "--after", "soon"], ["--type", VPC]):
        with pytest.raises(UsageError):
            cellctl("drift", *wrong)


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["fault", "--type", "aws:rds/instance:Instanc"], "no type", "did you mean aws:rds/instance:Instance?"),
        (["drift", "--type", "bucket", "--delete"], "no type", "did you mean aws:s3/bucket:Bucket?"),
        (["calls", "--type", "gcp:*"], "no type 'gcp:\\*'", "`cellctl sandbox show`"),
        (["fault", "--cloud", "gcp", "--error", "throttle"], "no simulated cloud 'gcp'", "aws, azure"),
        (["fault", "--clear", "7"], "no rule #7", "--list"),
        (["drift", "--clear", "7"], "no rule #7", "--list"),
        (["fault", "--effect", "delay", "--type", VPC], "needs a 'delay_s'", "--help"),
        (["fault", "--count", "2"], "say what fails", "--type"),
        (["quota", "--clear", "ec2.vpc"], "no quota", "--all"),
        (["quota", "ec2.vpcs", "3", "--cloud", "gcp"], "no simulated cloud", "aws, azure"),
    ],
)
def test_wrong_words_change_nothing(cellctl: Callable[..., str], words: list[str], said: str, hint: str) -> None:
    with pytest.raises(UsageError, match=said) as wrong:
        cellctl(*words)
    assert hint in wrong.value.hint
    assert "behave" in cellctl("fault")
    assert "nothing drifts" in cellctl("drift")


def test_the_call_log_is_shown_and_narrowed(cellctl: Callable[..., str]) -> None:
    assert "create ec2 Vpc acme-network" in " ".join(cellctl("calls").split())
    (call,) = json.loads(cellctl("calls", "--type", VPC, "--cell", "acme", "--format", "json"))["calls"]
    assert (call["operation"], call["outcome"]) == ("create", "ok")
    assert "No such call" in cellctl("calls", "--outcome", "repeated")


def test_seed_and_ambient_are_told_by_the_clock(cellctl: Callable[..., str]) -> None:
    assert "seed 1" in cellctl("clock")
    cellctl("reset", "--seed", "7", "--yes")
    cellctl("fault", "--ambient", "2")
    clock = json.loads(cellctl("clock", "--format", "json"))
    assert (clock["seed"], clock["ambient"], clock["now_s"]) == (7, 2, 0)


def test_time_passes_at_once_and_for_nobody_backwards(cellctl: Callable[..., str]) -> None:
    before = json.loads(cellctl("clock", "--format", "json"))
    after = json.loads(cellctl("clock", "--pass", "2h", "--format", "json"))
    assert after["now_s"] == pytest.approx(before["now_s"] + 7200, abs=1)
    assert {**after, "now_s": 0} == {**before, "now_s": 0}, "how it passes stays"
    assert json.loads(cellctl("clock", "--format", "json"))["now_s"] == after["now_s"]


def test_a_sandbox_goes_through_a_file(cellctl: Callable[..., str], home: Path, tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    cellctl("export", str(file))
    before = cellctl("show", "--format", "json")
    assert json.loads(cellctl("export")) == json.loads(file.read_text(encoding="utf-8"))
    cellctl("reset", "--yes")
    cellctl("import", str(file))
    assert cellctl("show", "--format", "json") == before
    with pytest.raises(UsageError, match="there is no terminal"):
        cellctl("import", str(file))
    (home / "no.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match="this is no exported sandbox"):
        cellctl("import", str(home / "no.json"), "--yes")


@pytest.mark.parametrize(
    "command", ["calls", "fault", "quota", "drift", "edit", "export", "import", "clock", "held", "reset"]
)
def test_every_command_shows_an_example_of_itself(command: str) -> None:
    said = " ".join(CliRunner().invoke(app, ["sandbox", command, "--help"]).output.split())
    assert f"`cellctl sandbox {command}" in said


COMPLETE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from cellctl.cli.sandbox.completion import completes
import cellctl.cli.sandbox.app
context = SimpleNamespace(params={"home": Path(sys.argv[1])})
for what, begin in (word.split("=") for word in sys.argv[2:]):
    print(what, *completes(what)(context, begin))
print("loaded", *sys.modules)
"""


def test_completion_offers_types_names_ids_and_quotas_and_loads_nothing_heavy(home: Path) -> None:
    asked = [
        "types=aws:ec2/v",
        "types=service:k",
        "types=cellctl:sql",
        "names=",
        "ids=vpc-",
        "quotas=ec2.v",
        "regions=",
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE, str(home), *asked], capture_output=True, text=True, check=True, cwd=ROOT
    )
    *lines, loaded = done.stdout.splitlines()
    assert lines[0].split()[1:3] == ["aws:ec2/volumeAttachment:VolumeAttachment", VPC]
    assert lines[1:4] == ["types service:keyvault", "types cellctl:sql:CellDatabase", "names acme-network"]
    assert lines[4].startswith("ids vpc-")
    assert "ec2.vpcs" in lines[5].split()
    assert lines[6] == "regions eu-west-1"
    heavy = {"pulumi", "pydantic", "sqlalchemy", "httpx", "boto3", "botocore", "grpc", "cryptography"}
    assert heavy.isdisjoint(loaded.split())
    assert not [name for name in loaded.split() if name.startswith(("pulumi_", "sqlalchemy."))]
