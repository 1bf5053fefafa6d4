"""The script of Linux nodes on Azure, run with bash: order, TLS, shares, and where secrets go."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from linux_machine import Machine

from cellctl_components.azure import bootstrap
from cellctl_components.azure.layout import NodeLayout
from cellctl_provider.octopus.machines import call_of

pytestmark = pytest.mark.needs("jq")
SCRIPT = bootstrap.script("linux")
CERTIFICATE = "https://kv-acme.vault.azure.net/secrets/portal"
SECRETS = ("octopus-master-key", "octopus-administrator-password", "key1", "portal", "queue key")


def told(node: int = 1, certificate: str = "", *, password: str = "", apart: bool = False) -> str:
    """Return a node's user data as Azure hands it out."""
    host, other = "stacme.file.core.windows.net", "stlogs.file.core.windows.net"
    ids = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts"
    logs = {"task_logs": rf"\\{other}\tasklogs"} if apart else {}
    facts = bootstrap.BootFacts(
        cell="acme", host="acme.example.com", octopus_version="2026.4.7000", vault_host="kv-acme.vault.azure.net",
        sql_host="sql-acme.database.windows.net", database="octo_acme_g1", file_host=host,
        storage_account_id=f"{ids}/stacme", accounts={other: f"{ids}/stlogs"} if apart else None,
        identity_client_id="client",
        shares={**{kind: rf"\\{host}\{kind.replace('_', '')}" for kind in bootstrap.OPTIONS}, **logs},
        master_key_secret="octopus-master-key", administrator="o'hara $(id)", email="o@example.com",
        administrator_password_secret="octopus-administrator-password", certificate=certificate,
        queue_host="q.redis.azure.net", queue_port=10000, queue_id="/subscriptions/s/redis/databases/default",
        sql_login="octo_acme_a" if password else None, sql_password_secret=password or None,
    )  # fmt: skip
    layout = NodeLayout(
        ordinal=node, name=f"vm-{node}", computer_name=f"acme-{node}", zone="1", subnet="nodes-1", address="10.64.0.10",
        vm_size="", role="both", task_cap=10, poll_port=10943,
    )  # fmt: skip
    return base64.b64encode(json.dumps(bootstrap.facts_of(facts, layout, "linux")).encode()).decode()


def booted(root: Path, node: int = 1, certificate: str = "") -> Machine:
    machine = Machine(root)
    (root / "told").write_text(told(node, certificate), encoding="utf-8")
    machine.boot(SCRIPT)
    return machine


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return the first node's machine, booted, with a certificate of its vault."""
    root = tmp_path_factory.mktemp("azure-first") / "machine"
    (root / "vault").mkdir(parents=True)
    (root / "vault" / "portal").write_text(
        json.dumps({"value": base64.b64encode(b"certificate 1\n").decode()}), encoding="utf-8"
    )
    return booted(root, certificate=CERTIFICATE)


def at(calls: list[str], start: str) -> int:
    return next(index for index, call in enumerate(calls) if call.startswith(start))


def test_the_first_node_makes_everything_once_and_starts_behind_nginx(first: Machine) -> None:
    calls = first.booted
    order = ["apt-get", "getent", "docker pull", "mount -t cifs", "docker run", "systemctl enable --now nginx",
             "systemctl start octopus"]  # fmt: skip
    places = [at(calls, start) for start in order]
    assert places == sorted(places)
    verbs = [" ".join(call.split()) for call in first.octopus(calls)]
    assert [verb.split()[0] for verb in verbs] == [
        "create-instance", "database", "configure", "admin", *["path"] * 6, "node",
    ]  # fmt: skip
    assert verbs[1].endswith("--create")
    assert "--username o\\'hara\\ \\$\\(id\\) --email o@example.com" in verbs[3]
    assert [verb.split()[3:] for verb in verbs[4:10]] == [
        ["--nugetRepository", "/repository"], ["--artifacts", "/artifacts"], ["--taskLogs", "/taskLogs"],
        ["--imports", "/imports"], ["--eventExports", "/eventExports"], ["--clusterShared", "/clusterShared"],
    ]  # fmt: skip
    assert first.said.rstrip().endswith("OK")


def test_it_signs_in_to_the_database_as_the_cells_identity(first: Machine) -> None:
    given = "\n".join(first.given())
    assert "Authentication=Active Directory Managed Identity;User Id=client;Encrypt=True" in given
    assert "MASTER_KEY=value of octopus-master-key" in given
    assert "Authorization: Bearer value of a token" in given
    assert "QUEUE=q.redis.azure.net:10000,ssl=true,password=value of queue key" in given
    assert "--multiNodePollingTentaclesRedisConnectionString" in "\n".join(first.octopus(first.booted))


def test_it_signs_in_with_a_password_where_the_cell_asks_for_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    (machine.root / "told").write_text(told(password="database"), encoding="utf-8")
    machine.boot(bootstrap.script("linux", password=True))
    given = "\n".join(machine.given())
    assert "Initial Catalog=octo_acme_g1;User ID=octo_acme_a;Password=value of database;Encrypt=True" in given
    assert "Managed Identity" not in given
    assert "value of database" not in "\n".join(machine.booted) + machine.stored() + machine.said


FIRST_PASSWORD, NEXT_PASSWORD = "octopus-database-password", "octopus-database-password-2"


def test_a_node_comes_over_to_another_user_drained_and_only_then(tmp_path: Path) -> None:
    machine, script = Machine(tmp_path / "machine"), bootstrap.script("linux", password=True)
    (machine.root / "told").write_text(told(password=FIRST_PASSWORD), encoding="utf-8")
    machine.boot(script)
    settings = machine.root / "var/lib/octopus/home/.octopus/OctopusServer/OctopusServer.config"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("configured", encoding="utf-8")
    assert "--drain" not in "\n".join(machine.octopus())
    machine.forget()
    machine.run(script)  # the same again: nothing to come over to
    assert "--drain" not in "\n".join(machine.octopus())
    (machine.root / "told").write_text(told(password=NEXT_PASSWORD), encoding="utf-8")
    machine.forget()
    machine.environment["FAILING"] = "--drain=true"
    ended = machine.run(script, check=False)
    assert ended.returncode != 0
    assert "tasks still run after 10 minutes" in ended.stderr
    assert [verb.split()[-1] for verb in machine.octopus()] == ["--wait=600", "--drain=false"]  # it works on as it was
    machine.forget()
    machine.run(script)
    verbs = [verb.split() for verb in machine.octopus()]
    assert [verb[0] for verb in verbs] == ["node", "database", "configure", "node"]
    assert (verbs[0][3:], verbs[-1][3:]) == (["--drain=true", "--wait=600"], ["--drain=false"])
    assert "systemctl restart octopus" in machine.calls
    assert f"Password=value of {NEXT_PASSWORD};" in "\n".join(machine.given())
    machine.forget()
    machine.run(script)
    assert "--drain" not in "\n".join(machine.octopus())
    assert f"value of {NEXT_PASSWORD}" not in machine.stored()


def test_secrets_are_on_no_disk_and_in_no_argument(first: Machine) -> None:
    everything = "\n".join(first.booted) + first.stored() + first.said
    assert not [name for name in SECRETS if f"value of {name}" in everything]
    assert "value of a token" not in everything


def test_shares_are_mounted_encrypted_with_the_key_that_the_account_has_now(first: Machine) -> None:
    mounted = [call for call in first.booted if call.startswith("mount -t cifs")]
    assert [call.split()[-2].rpartition("/")[2] for call in mounted] == [
        "packages", "artifacts", "tasklogs", "imports", "eventexports", "cluster",
    ]  # fmt: skip
    for option in ("vers=3.1.1", "seal", "nobrl", "uid=1000"):
        assert all(option in call.split(" ")[4].split(",") for call in mounted)
    assert "username=stacme\npassword=value of key1\n" in (first.root / "credentials").read_text(encoding="utf-8")
    assert not (first.root / "run/octopus/share").exists()


def test_a_share_in_an_account_apart_is_mounted_with_its_own_key(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    (machine.root / "told").write_text(told(apart=True), encoding="utf-8")
    machine.boot(SCRIPT)
    mounted = {call.split()[-2]: call for call in machine.booted if call.startswith("mount -t cifs")}
    assert [host for host in mounted if "stlogs" in host] == ["//stlogs.file.core.windows.net/tasklogs"]
    assert len(mounted) == 6
    asked = [call for call in machine.booted if "/listKeys" in call and "storageAccounts" in call]
    assert [call.partition("storageAccounts/")[2].partition("/")[0] for call in asked] == [
        "stacme", "stacme", "stlogs", "stacme", "stacme", "stacme",
    ]  # fmt: skip
    assert any(call.startswith("getent ahostsv4 stlogs.file.core.windows.net") for call in machine.booted)
    assert "username=stlogs\npassword=value of key1\n" in (machine.root / "credentials").read_text(encoding="utf-8")


def test_another_node_joins_and_makes_no_schema(tmp_path: Path, first: Machine) -> None:
    shutil.copytree(first.root / "srv/octopus", tmp_path / "machine/srv/octopus/")
    shutil.move(tmp_path / "machine/srv", tmp_path / "srv")
    machine = Machine(tmp_path / "machine")
    shutil.copytree(tmp_path / "srv", machine.root / "srv", dirs_exist_ok=True)
    (machine.root / "told").write_text(told(2), encoding="utf-8")
    machine.boot(SCRIPT)
    assert [verb.split()[0] for verb in machine.octopus()] == ["create-instance", "database", "configure", "node"]
    assert "--create" not in "".join(machine.octopus())
    # Without a certificate in the cell file the node makes one of its own.
    assert any(call.startswith("openssl req") for call in machine.booted)


def test_another_node_does_not_start_on_shares_that_are_not_the_first_ones(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    (machine.root / "told").write_text(told(2), encoding="utf-8")
    ended = machine.run(SCRIPT, check=False)
    assert ended.returncode != 0
    assert "does not hold what the first node wrote" in ended.stderr
    assert not machine.octopus()


def test_public_addresses_end_the_boot(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", environment={"ADDRESS": "20.50.2.1"})
    (machine.root / "told").write_text(told(), encoding="utf-8")
    ended = machine.run(SCRIPT, check=False)
    assert ended.returncode != 0
    assert "public address 20.50.2.1" in ended.stderr
    assert not machine.octopus()


@pytest.mark.parametrize("verb", ["database", "node"])
def test_what_fails_ends_the_boot(tmp_path: Path, verb: str) -> None:
    machine = Machine(tmp_path / "machine", environment={"FAILING": f"Octopus.Server {verb}"})
    (machine.root / "told").write_text(told(), encoding="utf-8")
    assert machine.run(SCRIPT, check=False).returncode != 0
    assert not any("octopus" in call for call in machine.calls if call.startswith("systemctl") and "is-act" not in call)


class TestLater:
    """What comes after the first boot; in this order."""

    def test_the_container_answers_nginx_alone(self, first: Machine) -> None:
        first.forget()
        first.run("octopus-node run")
        ran = [call for call in first.calls if "--name octopus" in call][-1]
        for wanted in ("--publish 127.0.0.1:8080:8080", "10943:10943", "--cap-drop ALL", "no-new-privileges"):
            assert wanted in ran
        assert "--privileged" not in ran

    def test_a_certificate_that_was_renewed_is_taken_and_nginx_reads_it(self, first: Machine) -> None:
        assert (first.root / "etc/cellctl/tls/node.pem").read_text(encoding="utf-8") == "certificate 1\n"
        first.forget()
        first.run("octopus-node certificate")
        assert not [call for call in first.calls if call.startswith("systemctl")]
        (first.root / "vault" / "portal").write_text(
            json.dumps({"value": base64.b64encode(b"certificate 2\n").decode()}), encoding="utf-8"
        )
        first.run("octopus-node certificate")
        assert (first.root / "etc/cellctl/tls/node.pem").read_text(encoding="utf-8") == "certificate 2\n"
        assert first.calls[-1] == "systemctl reload-or-restart nginx"

    def test_a_script_that_runs_again_undoes_nothing(self, first: Machine) -> None:
        (first.root / "etc/cellctl/version").write_text("2026.4.7100\n", encoding="utf-8")  # upgraded since
        first.forget()
        first.run(SCRIPT)
        assert [verb.split()[0] for verb in first.octopus()] == ["create-instance", "database", "configure"]
        assert "octopusdeploy/octopusdeploy:2026.4.7100" in first.calls[at(first.calls, "docker pull")]
        assert not any(call == "systemctl restart docker" for call in first.calls)  # Octopus runs on it

    def test_an_upgrade_is_the_same_script_as_on_aws(self, first: Machine) -> None:
        first.forget()
        first.run(call_of("linux", "upgrade", {"version": "2026.4.7200"}))
        assert [verb.split()[0] for verb in first.octopus()] == ["database"]


@pytest.mark.needs("shellcheck")
@pytest.mark.parametrize("name", ["boot", "tool", "password"])
def test_a_linter_finds_nothing(name: str, tmp_path: Path) -> None:
    script = bootstrap.script("linux", password=name == "password")
    text = script if name == "boot" else script.split("<<'TOOL'\n")[1].split("\nTOOL\n")[0]
    path = tmp_path / f"{name}.sh"
    path.write_text(text + "\n", encoding="utf-8")
    ended = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
