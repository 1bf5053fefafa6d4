"""A sandbox goes into one file without a secret in clear and comes out of it the same, there or elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cellctl.errors import UsageError
from cellctl.state.values import Struct, bare, secret
from cellctl_provider.protocol import Create, Read
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.control import Control, open_control
from cellctl_sandbox.portable import LOST
from cellctl_sandbox.standins.documents import Documents

OWNER, VERSION = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretVersion:SecretVersion"
HIDDEN, PASSPHRASE = "hunter2-hunter2", "correct horse battery staple"


def urn(token: str) -> str:
    return f"urn:pulumi:cell-acme::p::{token}::v"


def sandbox(path: Path) -> Control:
    SimulatedClock.of(Database.open(path)).pace = 0.0
    return open_control(path)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    path = tmp_path_factory.mktemp("full")
    control = sandbox(path)
    control.reset(seed=9)
    aws = CloudFactory("aws", control.database)()
    owner = aws.create(Create(urn=urn(OWNER), properties={"name": "k"}, type=OWNER, name="v")).id
    value: Struct = {"secretId": owner, "secretString": secret(HIDDEN)}
    aws.create(Create(urn=urn(VERSION), properties=value, type=VERSION, name="v"))
    documents = Documents(control.database.path, "gateway_documents", seal=control.database.sealer)
    with documents.transaction() as transaction:
        transaction.put("gateway", "sgw-1", {"password": secret(HIDDEN), "name": "g"})
    control.add_fault({"type": OWNER, "error": "throttle"})
    control.add_drift({"type": OWNER, "set": {"tags.a": "b"}, "after_s": 9e6})
    control.limit("ec2.vpcs", 3)
    control.set_ambient(2)
    yield control
    SimulatedClock.of(control.database).close()


def secret_of(control: Control) -> str:
    aws = CloudFactory("aws", control.database)()
    (row,) = control.database.rows("SELECT id FROM objects WHERE type = ?", (VERSION,))
    found = aws.read(Read(urn=urn(VERSION), id=str(row[0]), properties={}, inputs={}, type=VERSION))
    assert found is not None
    return str(bare(found.properties["secretString"]))


def gateway_of(control: Control) -> Struct:
    with Documents(control.database.path, "gateway_documents", seal=control.database.sealer).transaction() as found:
        return found.get("gateway", "sgw-1") or {}


def facts_of(control: Control) -> Mapping[str, object]:
    clock = {key: control.clock()[key] for key in ("seed", "now_s", "ambient")}
    rules = [control.faults(), control.drifts(), control.quotas()]
    return {"show": control.show(), "calls": control.calls(), "rules": rules, "clock": clock}


def test_no_secret_and_no_key_is_in_the_file(full: Control) -> None:
    text = json.dumps(full.export())
    key = full.database.path.with_suffix(".key").read_bytes()
    assert HIDDEN not in text
    assert key.hex() not in json.dumps(full.export(PASSPHRASE))
    assert json.loads(text)["format_version"] == "1"
    assert set(json.loads(text)["key"]) == {"fingerprint"}


def test_with_the_passphrase_everything_is_there_in_another_home(full: Control, tmp_path: Path) -> None:
    document = json.loads(json.dumps(full.export(PASSPHRASE)))
    other = sandbox(tmp_path)
    assert other.restore(document, passphrase=PASSPHRASE) == 2
    assert facts_of(other) == facts_of(full)
    assert bare(gateway_of(other)["password"]) == HIDDEN
    assert secret_of(other) == HIDDEN
    assert (tmp_path / ".cellctl/sandbox.key").stat().st_mode & 0o777 == 0o600


def test_without_its_key_the_secrets_are_given_up_or_nothing_is_changed(full: Control, tmp_path: Path) -> None:
    document = json.loads(json.dumps(full.export(PASSPHRASE)))
    other = sandbox(tmp_path)
    for passphrase in ("", "wrong"):
        with pytest.raises(UsageError) as refused:
            other.restore(document, passphrase=passphrase)
        assert refused.value.code == "sealed"
        assert other.known("ids") == []
    assert other.restore(document, without_secrets=True) == 2
    assert secret_of(other) == bare(gateway_of(other)["password"]) == LOST
    assert gateway_of(other)["name"] == "g"


def test_the_home_itself_needs_no_passphrase(full: Control) -> None:
    document = json.loads(json.dumps(full.export()))
    before = facts_of(full)
    full.reset()
    assert full.restore(document) == 2
    assert facts_of(full) == before
    assert bare(gateway_of(full)["password"]) == HIDDEN


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "something"}, "it does not say so"),
        ({"format_version": "2"}, "its format is '2'"),
        ({"tables": {"objects": {"columns": ["uid"], "rows": [["a", "b"]]}}}, "damaged"),
        ({"tables": {"objects": {"columns": ["evil) --"], "rows": []}}}, "evil"),
        ({"tables": {"sqlite_master": {"columns": [], "rows": []}}}, "table 'sqlite_master'"),
    ],
)
def test_what_is_no_export_is_refused_and_changes_nothing(
    full: Control, tmp_path: Path, change: Mapping[str, object], said: str
) -> None:
    other = sandbox(tmp_path)
    with pytest.raises(UsageError, match="this is no exported sandbox") as refused:
        other.restore({**full.export(), **change}, without_secrets=True)
    assert said in refused.value.summary
    assert other.known("ids") == []
