"""The scripts of Linux nodes, run with bash: order, what each node does and does not, where secrets go."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from linux_machine import Machine

from cellctl.spec import CellSpec
from cellctl_components.aws.bootstrap import USER_DATA_LIMIT, Boot, References, user_data
from cellctl_components.aws.resolve import layout
from cellctl_provider.octopus.machines import SHELL_SCRIPT, call_of

pytestmark = pytest.mark.needs("jq")
SECRETS = [f"value of arn:{name}" for name in ("login", "key", "administrator", "guest", "queue")]


def script(node: int = 1, protocol: str = "nfs", polling: str = "per_node") -> str:
    body = {
        "cloud": "aws", "account": "sandbox", "region": "eu-west-1", "nodes": {"os": "linux"},
        "storage": {"protocol": protocol}, "ingress": {"polling": polling},
        "octopus": {"administrator": {"username": "o'hara $(id)", "email": "o@example.com"}},
    }  # fmt: skip
    cell = layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}))
    references = References(
        server="sql.example", login_secret="arn:login", key_secret="arn:key", administrator_secret="arn:administrator",
        guest_secret="arn:guest", gateway_id="sgw-1", queue="queue.example", queue_secret="arn:queue",
    )  # fmt: skip
    return user_data(Boot.of(cell), cell.nodes.items[node - 1], references)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return the first node's machine, booted: NFS, and each Tentacle polls each node."""
    made = Machine(tmp_path_factory.mktemp("first") / "machine")
    made.boot(script())
    return made


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return the first node's machine, booted: SMB, and a queue of Tentacles."""
    made = Machine(tmp_path_factory.mktemp("guest") / "machine")
    made.boot(script(protocol="smb", polling="redis"))
    return made


def at(calls: list[str], start: str) -> int:
    return next(index for index, call in enumerate(calls) if call.startswith(start))


def test_the_first_node_makes_everything_once_and_starts_last(first: Machine) -> None:
    calls = first.booted
    order = ["dnf install", "systemctl enable --now docker", "docker pull", "mount -t nfs", "docker run"]
    places = [at(calls, start) for start in order]
    assert places == sorted(places)
    assert calls[-1] == "systemctl enable --now octopus"
    verbs = [" ".join(call.split()) for call in first.octopus(calls)]
    assert [verb.split()[0] for verb in verbs] == [
        "create-instance",
        "database",
        "configure",
        "admin",
        *["path"] * 5,
        "node",
    ]
    assert verbs[1].endswith("--create")
    assert "--username o\\'hara\\ \\$\\(id\\) --email o@example.com" in verbs[3]
    assert [verb.split()[3:] for verb in verbs[4:9]] == [
        ["--nugetRepository", "/repository"], ["--artifacts", "/artifacts"], ["--taskLogs", "/taskLogs"],
        ["--imports", "/imports"], ["--eventExports", "/eventExports"],
    ]  # fmt: skip
    assert "--taskCap=0" in next(call for call in calls if " node " in call)
    assert "octopusdeploy/octopusdeploy:2026.4.7000" in calls[at(calls, "docker pull")]


def test_a_node_that_is_made_again_undoes_nothing(machine: Machine, first: Machine) -> None:
    shutil.copytree(first.root / "srv/octopus", machine.root / "srv/octopus")
    machine.boot(script())
    assert [verb.split()[0] for verb in machine.octopus()] == ["create-instance", "database", "configure", "node"]


def test_another_node_waits_joins_and_makes_no_schema(machine: Machine, first: Machine) -> None:
    shutil.copytree(first.root / "srv/octopus", machine.root / "srv/octopus")
    machine.environment["RUNNING"] = "2026.4.7100"
    machine.boot(script(2))
    assert [verb.split()[0] for verb in machine.octopus()] == ["create-instance", "database", "configure", "node"]
    assert "--create" not in "".join(machine.octopus())
    assert at(machine.calls, "curl") < at(machine.calls, "sleep 15") < at(machine.calls, "docker pull")
    # It joins in the version that runs, whatever its own tag says.
    assert "octopusdeploy/octopusdeploy:2026.4.7100" in machine.calls[at(machine.calls, "docker pull")]
    assert "arn:administrator" not in script(2)


def test_a_node_whose_share_is_another_one_never_starts(machine: Machine) -> None:
    ended = machine.run(script(2), check=False)
    assert ended.returncode != 0
    assert "does not hold what the first node wrote" in ended.stderr
    assert not machine.octopus()
    assert "systemctl enable --now octopus" not in machine.calls


@pytest.mark.parametrize("verb", ["database", "configure", "admin", "node"])
def test_what_fails_ends_the_boot(machine: Machine, verb: str) -> None:
    machine.environment["FAILING"] = f"Octopus.Server {verb}"
    assert machine.run(script(), check=False).returncode != 0
    assert "systemctl enable --now octopus" not in machine.calls


@pytest.mark.parametrize("queued", [False, True])
def test_secrets_are_read_when_needed_and_are_on_no_disk_and_in_no_argument(
    first: Machine, guest: Machine, queued: bool
) -> None:
    machine = guest if queued else first
    everything = "\n".join(machine.booted) + machine.stored() + machine.said
    assert not [secret for secret in SECRETS if secret in everything]
    given = "\n".join(machine.given())
    assert "Password=value of arn:login;" in given
    assert "MASTER_KEY=value of arn:key" in given
    assert ("QUEUE=queue.example:6379,ssl=true,password=value of arn:queue" in given) is queued
    asked = "\n".join(machine.octopus(machine.booted))
    assert ("--multiNodePollingTentaclesRedisConnectionString" in asked) is queued


def test_smb_is_mounted_as_the_gateways_guest_without_locks_that_octopus_cannot_take(guest: Machine) -> None:
    mounted = guest.booted[at(guest.booted, "mount -t cifs")]
    assert "nobrl" in mounted
    credentials = (guest.root / "credentials").read_text(encoding="utf-8")
    assert "username=smbguest\npassword=value of arn:guest\ndomain=sgw-1\n" in credentials
    assert not (guest.root / "run/octopus/guest").exists()


def test_the_container_has_no_rights_and_every_kind_of_file(guest: Machine) -> None:
    guest.run("octopus-node run")
    ran = [call for call in guest.calls if "--name octopus" in call][-1]
    for wanted in ("--cap-drop ALL", "no-new-privileges", "--user 1000:1000", "--publish 8080:8080", "10943:10943"):
        assert wanted in ran
    assert "--privileged" not in ran
    for path in ("/repository", "/artifacts", "/taskLogs", "/imports", "/eventExports", "/clusterShared"):
        assert re.search(rf"--volume \S+/\.shares/\S+:{path}( |$)", ran)


@pytest.mark.parametrize("protocol", ["nfs", "smb"])
def test_user_data_fits_and_is_json_inside(protocol: str) -> None:
    text = script(protocol=protocol, polling="redis")
    assert len(text.encode()) <= USER_DATA_LIMIT
    facts = re.search(r"<<'FACTS'\n(.*?)\nFACTS\n", text, re.DOTALL)
    assert facts is not None
    assert json.loads(facts[1])["administrator"]["username"] == "o'hara $(id)"


@pytest.mark.needs("shellcheck")
@pytest.mark.parametrize("name", ["boot", "tool", "machine"])
def test_a_linter_finds_nothing(name: str, tmp_path: Path) -> None:
    text = {"boot": script(), "machine": SHELL_SCRIPT}.get(name) or script().split("<<'TOOL'\n")[1].split("\nTOOL\n")[0]
    path = tmp_path / f"{name}.sh"
    path.write_text(text + "\n", encoding="utf-8")
    ended = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.fixture
def running(first: Machine) -> Machine:
    """Return a machine whose node has booted with 2026.4.7000; what was recorded is forgotten."""
    first.forget()
    (first.root / "etc/cellctl/version").write_text("2026.4.7000\n", encoding="utf-8")
    return first


def test_an_upgrade_fetches_stops_upgrades_the_schema_and_starts(running: Machine) -> None:
    running.run(call_of("linux", "upgrade", {"version": "2026.4.7100"}))
    calls = running.calls
    places = [at(calls, start) for start in ("docker pull", "systemctl stop octopus", "docker run", "systemctl start")]
    assert places == sorted(places)
    assert [verb.split()[0] for verb in running.octopus()] == ["database"]
    assert "octopusdeploy/octopusdeploy:2026.4.7100" in calls[at(calls, "docker run")]
    assert (running.root / "etc/cellctl/version").read_text(encoding="utf-8") == "2026.4.7100\n"
    assert not running.given()  # no secret is needed


def test_an_upgrade_that_was_cut_off_is_gone_on_with(running: Machine) -> None:
    running.environment["FAILING"] = "--upgrade"
    assert running.run(call_of("linux", "upgrade", {"version": "2026.4.7100"}), check=False).returncode != 0
    assert "systemctl start octopus" not in running.calls
    del running.environment["FAILING"]
    assert running.run(call_of("linux", "upgrade", {"version": "2026.4.7100"})).stdout.strip() == "OK"
    assert running.calls[-1].startswith("systemctl start octopus")


def test_no_older_version_is_installed(running: Machine) -> None:
    ended = running.run(call_of("linux", "upgrade", {"version": "2026.3.9999"}), check=False)
    assert "2026.4.7000 is installed, which is newer than 2026.3.9999" in ended.stderr
    assert not running.calls


@pytest.mark.parametrize(
    ("action", "call"),
    [("stop", "systemctl stop octopus"), ("start", "systemctl start octopus"), ("fetch", "docker pull")],
)
def test_the_other_actions(running: Machine, action: str, call: str) -> None:
    running.run(call_of("linux", action, {"version": "2026.4.7100"}))  # type: ignore[arg-type]
    assert running.calls[-1].startswith(call)


MOUNT = {
    "kind": "cluster", "share": "free-6", "folder": "cluster", "path": "/clusterShared", "option": "clusterShared",
}  # fmt: skip
QUEUE = {
    "address": "queue.example:6379", "secret": "arn:token", "region": "eu-west-1", "folder": "/clusterShared",
    "mount": json.dumps(MOUNT),
}  # fmt: skip


def queued(leads: bool) -> str:
    return call_of("linux", "queue", {"version": "", **QUEUE, "leads": str(leads).lower()})


def test_a_node_that_runs_learns_of_a_queue_as_if_it_had_booted_with_it(running: Machine) -> None:
    for _ in range(2):  # cut off after anything, it is told again, which is the same
        running.forget()
        assert running.run(queued(leads=True)).stdout.strip() == "OK"
        calls = running.calls
        places = [
            at(calls, start) for start in ("mount -t nfs -o nolock,hard files", "systemctl stop octopus", "docker")
        ]
        assert places == sorted(places)
        assert [verb.split()[0] for verb in running.octopus()] == ["path", "configure"]
        assert "--clusterShared /clusterShared" in running.octopus()[0]
        assert re.search(r"--volume \S+/\.shares/free-6/cluster:/clusterShared ", calls[at(calls, "docker run")])
        assert calls[-1].startswith("systemctl start octopus")
    told = json.loads((running.root / "etc/cellctl/node.json").read_text(encoding="utf-8"))
    assert (told["queue"], told["secrets"]["queue"]) == ("queue.example:6379", "arn:token")
    assert [kind["share"] for kind in told["files"]["kinds"] if kind["kind"] == "cluster"] == ["free-6"]
    booted = script(polling="redis")
    facts = re.search(r"<<'FACTS'\n(.*?)\nFACTS\n", booted, re.DOTALL)
    assert facts is not None
    assert told["files"]["kinds"] == json.loads(facts[1])["files"]["kinds"]


def test_the_token_is_in_no_call_and_in_no_file_and_one_node_sets_what_is_shared(running: Machine) -> None:
    running.run(queued(leads=False))
    assert [verb.split()[0] for verb in running.octopus()] == ["configure"]
    assert "QUEUE=queue.example:6379,ssl=true,password=value of arn:token" in running.given()
    assert "value of arn:token" not in "\n".join(running.calls) + running.stored()


def test_an_unknown_action_is_an_error(running: Machine) -> None:
    assert running.run(f"{SHELL_SCRIPT}\nmain 'format' ''", check=False).returncode != 0
