"""`cellctl alarms`: what the deployed watcher sees as its role and from where it stands, and what alarms make of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest
from prepared.home import RunningHome, licence
from warm import client

from cellctl.alarms import AlarmStatus

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "day-two.md").read_text(encoding="utf-8")
OK = {"lag": "ok", "silent": "ok", "licence": "ok", "support": "ok"}
NO_NODES = {"silent": "alarm", "licence": "alarm"}
NOTHING = {"lag": "alarm", "support": "no_data", **NO_NODES}


def ids(home: RunningHome, *, what: str = "") -> Mapping[str, str]:
    accounts = home.control.show()["accounts"]
    rows = [item for one in accounts for item in one["objects"] if what in item["type"]]  # type: ignore[attr-defined]
    return {str(item["urn"]).rpartition("::")[2]: str(item["id"]) for item in rows}


def found(home: RunningHome, *, what: str, name: str) -> str:
    return ids(home, what=what)[name]


def own(home: RunningHome) -> dict[str, AlarmStatus]:
    rows = home.cell.alarms(options=home.options())
    return {
        one.name.rpartition("-")[2]: one
        for one in rows
        if re.search(r"-(sql-lag|nodes-silent|nodes-licence|gateway-support)$", one.name)
    }


def lags(home: RunningHome) -> None:
    home.control.edit(
        found(home, what="rds/instance:", name="acme-sql-instance"), "latestRestorableTime", "2025-12-31T00:00:00Z"
    )


def falls_silent(home: RunningHome) -> None:
    home.control.edit(found(home, what="ec2/instance:", name="acme-nodes-2"), "", None)
    home.control.pass_time(400.0)


def grows_old(home: RunningHome) -> None:
    (gateway,) = [
        str(item["id"]) for one in home.control.show()["accounts"] for item in one["objects"]  # type: ignore[attr-defined]
        if item["type"] == "aws:storagegateway/gateway:Gateway"
    ]  # fmt: skip
    home.control.edit(gateway, "deprecationDate", "2026-01-31T00:00:00Z")


def is_licensed_for_one(home: RunningHome) -> None:
    key = home.control.secret(found(home, what="secretsmanager/secret:", name="acme-secrets-api-key"))
    with home.control.serve() as served:
        address = next(one["address"] for one in served if one["name"] == "10.64.8.21" and one["port"] == 8080)
        url, headers = f"http://{address}/api/licenses/licenses-current", {"X-Octopus-ApiKey": key}
        httpx.put(url, json={"LicenseText": licence(1)}, headers=headers, trust_env=False).raise_for_status()


def closes(name: str) -> Callable[[RunningHome], None]:
    return lambda home: home.control.edit(found(home, what="vpc/securityGroup", name=name), "", None)


def may_no_more(sid: str) -> Callable[[RunningHome], None]:
    def edit(home: RunningHome) -> None:
        document = json.loads(next(text for text in documents(home) if '"Sid":"Metrics"' in text))
        document["Statement"] = [one for one in document["Statement"] if one["Sid"] != sid]
        home.control.edit("cell-acme-watch:looks", "policy", json.dumps(document))

    return edit


def documents(home: RunningHome) -> list[str]:
    rows = home.control.database.rows("SELECT inputs FROM objects WHERE id = 'cell-acme-watch:looks'")
    return [str(json.loads(str(inputs))["policy"]) for (inputs,) in rows]


def fails(home: RunningHome) -> None:
    home.control.add_fault(
        {"type": "service:octopus", "error": "internal", "name": "GET /api/octopusservernodes/summary"}
    )


CASES: Mapping[str, tuple[Callable[[RunningHome], None], Mapping[str, str], str]] = {
    "all is well": (lambda home: None, {}, ""),
    "the database lags": (lags, {"lag": "alarm"}, r"RestoreLagSeconds is \d{5}"),
    "a node falls silent": (falls_silent, {"silent": "alarm"}, r"SecondsUnseen is [4-9]\d\d"),
    "too many nodes": (is_licensed_for_one, {"licence": "alarm"}, "NodesOverLicence is 1"),
    "the gateway grows old": (grows_old, {"support": "alarm"}, "DaysSupported is 30"),
    "nodes are closed": (
        closes("acme-network-nodes-in-tcp-8080-watch"), NO_NODES, "nodes: 10.64.9.22:8080: TimeoutError",
    ),
    "no way to AWS": (
        closes("acme-network-watch-out-tcp-443-0.0.0.0-0"), NOTHING,
        r"database cell-acme-sql: TimeoutError; gateway sgw-\w+: TimeoutError; nodes: TimeoutError",
    ),
    "no secret": (may_no_more("ApiKey"), NO_NODES, "nodes: AccessDenied"),
    "no key": (may_no_more("Key"), NO_NODES, "nodes: AccessDenied"),
    "no metrics": (may_no_more("Metrics"), NOTHING, "metrics: AccessDenied"),
    "nodes fail": (fails, NO_NODES, "nodes: 10.64.9.22:8080: HTTP 500"),
    "stopped": (
        lambda home: home.control.edit("default/cell-acme-watch", "state", "DISABLED"), NOTHING, "is disabled",
    ),
    "gone": (lambda home: home.control.edit("cell-acme-watch", "", None), NOTHING, "does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_the_watcher_sees_and_does_not_see_alarms(
    case: str, running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("aws", tmp_path)
    breaks, changed, why = CASES[case]
    breaks(home)
    rows = own(home)
    assert {name: one.state for name, one in rows.items()} == {**OK, **changed}
    for name, one in rows.items():
        assert (name not in changed) or re.search(why, one.why), one.why
        assert "API-" not in one.why, "no key is told"


def test_it_is_listed_and_told_as_json_and_changes_nothing(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("aws", tmp_path)
    file = home.cell.home.stack_file("acme")
    before = file.read_bytes()
    done = client.cellctl("alarms", "acme", "--format", "json", "--home", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["alarms"]}
    assert rows["cell-acme-sql-lag"] == {
        "name": "cell-acme-sql-lag", "watches": "RestoreLagSeconds of cell-acme-sql",
        "when": "≥ 600 for 3 min, or no data", "state": "ok", "why": rows["cell-acme-sql-lag"]["why"],
        "says": "The database can be brought back only to a moment more than ten minutes ago, or nobody can ask",
    }  # fmt: skip
    assert rows["cell-acme-gateway-dirty"]["state"] == "unknown"
    assert rows["cell-acme-files-size"]["when"].endswith("GiB for 1 d")
    text = client.cellctl("alarms", "--home", str(tmp_path), cwd=tmp_path).stdout
    assert re.search(r"acme · \d+ alarms · 4 ok · \d+ not known · sandbox", text)
    assert file.read_bytes() == before
    silent = home.cell.alarms(options=home.options())
    assert [one.name for one in silent] == sorted(rows)


def test_the_guide_shows_one_go_off(running_home: Callable[[str, Path], RunningHome], tmp_path: Path) -> None:
    home = running_home("aws", tmp_path)
    steps = re.findall(r"^\$ cellctl (.+?)(?: +#.*)?$", GUIDE.partition("\n## Alarms\n")[2], re.MULTILINE)
    assert [step.split()[:2] for step in steps] == [
        ["sandbox", "show"], ["sandbox", "edit"], ["sandbox", "clock"], ["alarms", "acme"],
    ]  # fmt: skip
    machine = found(home, what="ec2/instance:", name="acme-nodes-2")
    for step in steps:
        words = [machine if word.startswith("i-") else word for word in step.split()]
        done = client.cellctl(*words, "--home", str(tmp_path), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert re.search(r"ALARM +cell-acme-nodes-silent", done.stdout)


def test_alarms_of_azure_are_listed_and_nothing_is_known_of_them(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("azure", tmp_path)
    rows = {one.name: one for one in home.cell.alarms(options=home.options())}
    assert rows
    assert {(one.state, one.why) for one in rows.values()} == {("unknown", "nothing here tells of it")}
    assert all(one.says and " of " in one.watches and " over " in one.when for one in rows.values())


def test_a_cell_that_is_not_there_has_no_alarms(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    running_home("aws", tmp_path)
    done = client.cellctl("alarms", "acm", "--home", str(tmp_path), cwd=tmp_path)
    assert (done.returncode, "did you mean" in done.stderr or "cells here: acme" in done.stderr) == (2, True)
    (tmp_path / "cells" / "other.yaml").write_text(
        (tmp_path / "cells" / "acme.yaml").read_text().replace("acme}", "other}")
    )
    done = client.cellctl("alarms", "other", "--home", str(tmp_path), cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
