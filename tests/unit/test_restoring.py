"""What is left of a cell's backups, and to which moment it can be brought back: read off states of both clouds."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellctl import facts
from cellctl.facts.points import points
from cellctl.facts.proofs import proofs
from cellctl.plan import Change, Plan, PropertyChange
from cellctl.run.restoring import Ground, before_upgrade, lagging, left, rolling, upgrades
from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DAY = 86400.0
RDS, SQL, SERVER = "aws:rds/instance:Instance", "azure-native:sql:Database", "azure-native:sql:Server"
ARN, SECRET, KMS = "arn:aws:rds:r:1:db:cell-acme-sql", "arn:aws:secretsmanager:r:1:secret:key-AbCdEf", "arn:kms:1"
VAULT = "https://kv.vault.azure.net/"


def row(type_: str, inputs: Struct, outputs: Struct | None = None, id_: str = "id") -> ResourceState:
    urn = f"urn:pulumi:cell-acme::octopus-cells::{type_}::{type_.rpartition(':')[2]}"
    return ResourceState(urn=urn, type=type_, custom=True, id=id_, inputs=inputs, outputs={**inputs, **(outputs or {})})


def instance(**more: object) -> ResourceState:
    inputs: Struct = {
        "identifier": "cell-acme-sql", "backupRetentionPeriod": 14, "skipFinalSnapshot": False,
        "finalSnapshotIdentifier": "cell-acme-sql-final-1", "deleteAutomatedBackups": False, "kmsKeyId": KMS, **more,
    }  # type: ignore[dict-item]  # fmt: skip
    told: Struct = {"arn": ARN, "address": "sql.internal", "latestRestorableTime": "2025-12-31T23:50:00Z"}
    return row(RDS, inputs, told)


def aws(*more: ResourceState, host: ResourceState | None = None, days: int = 30) -> Ground:
    rows = (
        row("cellctl:sql:CellDatabase", {"server": "sql.internal", "database": "octo_acme_g1"}),
        row("cellctl:octopus:MasterKey", {}, {"reference": SECRET, "version": "v1"}),
        row("aws:secretsmanager/secret:Secret", {"recoveryWindowInDays": days}, {"arn": SECRET}),
        row("aws:kms/key:Key", {"deletionWindowInDays": 30}, {"arn": KMS}),
        row("aws:s3/bucketVersioning:BucketVersioning", {"versioningConfiguration": {"status": "Enabled"}}),
        *more,
    )
    return Ground(cloud="aws", rows=(*rows, host or instance()))


def azure(*more: ResourceState) -> Ground:
    rows = (
        row("cellctl:sql:CellDatabase", {"server": "s.database.windows.net", "database": "octo_acme_g1"}),
        row("cellctl:octopus:MasterKey", {}, {"reference": f"{VAULT}secrets/master-key", "version": "v1"}),
        row(
            "azure-native:keyvault:Vault",
            {"properties": {"softDeleteRetentionInDays": 7}},
            {"properties": {"softDeleteRetentionInDays": 7, "vaultUri": VAULT}},
        ),
        row("azure-native:sql:BackupShortTermRetentionPolicy", {"databaseName": "octo_acme_g1", "retentionDays": 14}),
        row(SQL, {"databaseName": "octo_acme_g1"}, {"name": "octo_acme_g1"}, id_="/servers/s/databases/octo_acme_g1"),
    )
    return Ground(cloud="azure", rows=(*rows, *more))


def told(**outputs: str) -> Mapping[str, Struct]:
    return {instance().urn: dict(outputs)}


def test_what_was_just_read_counts_before_what_the_state_says() -> None:
    ground = aws()
    assert rolling(ground, None)["cell-acme-sql"].db_time == NOW - 600
    fresh = Ground(cloud="aws", rows=ground.rows, told=told(latestRestorableTime="2025-12-31T23:59:00Z"))
    found = rolling(fresh, None)["cell-acme-sql"]
    assert (found.kind, found.location, found.db_time) == ("point_in_time", ARN, NOW - 60)
    assert (found.files_time, found.expires) == (NOW - 60, NOW - 60 + 14 * DAY)
    suspended = row("aws:s3/bucketVersioning:BucketVersioning", {"versioningConfiguration": {"status": "Suspended"}})
    assert rolling(aws(suspended), None)["cell-acme-sql"].files_time is None
    assert rolling(aws(host=instance(backupRetentionPeriod=0)), None) == {}


@pytest.mark.parametrize(("latest", "minutes"), [("23:55:00", 0), ("23:50:00", 0), ("23:49:00", 11), ("20:00:00", 240)])
def test_backups_that_lag_are_told(latest: str, minutes: int) -> None:
    found = {instance().urn: {"latestRestorableTime": f"2025-12-31T{latest}Z", "identifier": "cell-acme-sql"}, "x": {}}
    said = dict(lagging("aws", found, NOW))  # type: ignore[arg-type]
    assert list(said) == ([instance().urn] if minutes else [])
    assert all(f"only to 2025-12-31T{latest}Z, {minutes} minutes ago" in text for text in said.values())
    assert dict(lagging("azure", found, NOW)) == {}  # type: ignore[arg-type]


def test_azure_tells_no_last_moment_so_it_lies_behind_now_and_without_a_clock_nowhere() -> None:
    assert rolling(azure(), NOW)["octo_acme_g1"].db_time == NOW - 600
    assert rolling(azure(), NOW)["octo_acme_g1"].files_time is None
    assert rolling(azure(), None) == {}


def test_the_way_back_from_an_upgrade_is_the_moment_at_which_it_begins() -> None:
    (found,) = before_upgrade(aws(), NOW)
    assert (found.kind, found.db_time, found.expires) == ("before_upgrade", NOW, NOW + 14 * DAY)
    differs = PropertyChange(path="version", before="1", after="2", kind="update")
    node = Change(urn="u", type="cellctl:octopus:Node", name="n", action="update", diff=(differs,))
    plan = Plan(cell="a", cloud="aws", account="sandbox", operation="up", changes=(node,))
    old, new = (row("cellctl:octopus:Node", {"version": version}) for version in "12")
    assert upgrades(plan, [old])
    assert not upgrades(plan, [new, old])  # cut off before: the schema is upgraded already
    assert not upgrades(Plan(cell="a", cloud="aws", account="sandbox", operation="up", changes=()), [old])


def test_a_final_snapshot_ends_with_the_key_that_it_needs() -> None:
    snapshot, backups = left(aws(), NOW)
    assert (snapshot.kind, snapshot.location, snapshot.expires) == (
        "final_snapshot",
        "cell-acme-sql-final-1",
        NOW + 30 * DAY,
    )
    assert (backups.kind, backups.location, backups.expires) == ("kept_backups", ARN, NOW + 14 * DAY)
    assert [one.expires for one in left(aws(days=7), NOW)] == [NOW + 7 * DAY] * 2
    assert [one.kind for one in left(aws(host=instance(skipFinalSnapshot=True)), NOW)] == ["kept_backups"]
    assert left(aws(host=instance(skipFinalSnapshot=True, deleteAutomatedBackups=True)), NOW) == ()


def test_the_backups_of_a_cell_on_a_reef_stay_with_the_reefs_server() -> None:
    ground = aws(host=row("aws:kms/alias:Alias", {}))
    assert left(ground, NOW) == ()
    on_reef = Ground(cloud="aws", rows=ground.rows, reef=(instance(),))
    (found,) = left(on_reef, NOW)
    assert (found.kind, found.location, found.db_time) == ("kept_backups", ARN, NOW - 300)
    assert [one.location for one in before_upgrade(on_reef, NOW)] == [ARN]
    assert rolling(on_reef, NOW) == {}  # the reef's own runs tell that


@pytest.mark.parametrize(("server", "kinds"), [(True, []), (False, ["kept_backups"])])
def test_a_database_of_azure_is_restored_from_its_server_while_that_stays(server: bool, kinds: list[str]) -> None:
    found = left(azure(*([row(SERVER, {})] if server else [])), NOW)
    assert [one.kind for one in found] == kinds
    assert [one.expires for one in found] == [NOW + 7 * DAY] * len(kinds)  # its vault is kept for seven days


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_the_table_names_types_that_are_known(cloud: str) -> None:
    known = points(cloud)
    assert {host.type for host in known.hosts} <= {
        type_ for type_, one in proofs(cloud).items() if one.kind == "restore_point"
    }
    assert all(facts.of(one.type) for one in (*known.hosts, *known.keys))
