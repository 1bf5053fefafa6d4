"""A cell with a licence: put before it is needed, refused before anything is made, changed later; on both clouds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prepared.home import LICENCES, RunningHome, licence
from warm import client, keys

from cellctl import Hooks
from cellctl.errors import UsageError
from cellctl.state.values import bare
from cellctl_sandbox.standins.documents import Documents

CLOUDS = ("aws", "azure")


TURNS = [pytest.param(name, marks=pytest.mark.turn(2, which)) for which, name in enumerate(("azure", "aws"))]


@pytest.fixture(scope="module", params=TURNS)
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    running_home: Callable[[str, Path], RunningHome],
) -> RunningHome:
    return running_home(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(params=CLOUDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> RunningHome:
    keys.give(tmp_path)
    return RunningHome(tmp_path, request.param)


def secret(home: RunningHome, *words: str, value: str = "", code: int = 0) -> str:
    done = client.cellctl("sandbox", "secret", *words, "--home", str(home.root), cwd=home.root, input=value)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def installed(home: RunningHome) -> str:
    """Return the licence that Octopus has."""
    database = home.control.database
    with Documents(database.path, "octopus_documents", seal=database.sealer).transaction() as transaction:
        (text,) = [str(bare(row["text"])) for row in transaction.all("licence")]
    return text


def test_what_is_missing_is_said_before_anything_is_made_with_the_command_that_puts_it(empty: RunningHome) -> None:
    empty.write(LICENCES[empty.cloud])
    assert [item.code for item in empty.cell.preview(options=empty.options()).objections] == ["licence_missing"]
    refused = empty.up(command=f"cellctl up acme --home {empty.root}")
    assert refused.codes == ["licence_missing"]
    assert empty.control.show() == {"accounts": []}
    command = refused.objections[0].remedy
    assert command.startswith(f"cellctl sandbox secret {LICENCES[empty.cloud]} --put --from-file licence.xml")
    file = empty.root / "licence.xml"
    file.write_text(licence(1) + "\n")
    secret(empty, LICENCES[empty.cloud], "--put", "--from-file", str(file))
    assert secret(empty, LICENCES[empty.cloud]).strip() == licence(1)
    refused = empty.up()
    assert refused.codes == ["licence_limit"]  # two nodes
    assert "allows 1" in refused.objections[0].reason


def test_a_name_alone_means_the_account_on_aws_and_the_cells_own_vault_on_azure(empty: RunningHome) -> None:
    empty.write("octopus-licence")
    refused = empty.up()
    assert refused.codes == ["licence_missing"]
    wanted = {
        "aws": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:octopus-licence --put",
        "azure": "https://kv-octopus-licences.vault.azure.net/secrets/octopus-licence --put",
    }
    assert wanted[empty.cloud] in refused.objections[0].remedy


def test_a_value_comes_from_stdin_and_never_from_the_command_line(empty: RunningHome) -> None:
    reference = LICENCES[empty.cloud]
    assert "Made" in secret(empty, reference, "--put", value="first\n")
    assert "Changed" in secret(empty, reference, "--put", value="second\n")
    assert secret(empty, reference) == "second\n"
    assert "no value" in secret(empty, reference, "--put", code=2)
    assert "goes with --put" in secret(empty, reference, "--from-file", "x", code=2)
    secret(empty, reference, "third", "--put", code=2)


@pytest.mark.parametrize("wrong", ["octopus/licence", "arn:aws:secretsmanager:eu-west-1:000000000000:secret:my-secret"])
def test_a_reference_that_names_no_secret_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UsageError) as refused:
        RunningHome(tmp_path, "aws").control.put_secret(wrong, "x")
    assert refused.value.code == "unknown_secret"


def test_1_a_cell_with_a_licence_runs_and_its_limit_holds(world: RunningHome) -> None:
    assert installed(world) == licence(4)
    world.rewrite((r"count: 2", "count: 5"), (r"roles: \[[^]]*\]", "roles: [both, both, both, both, both]"))
    assert world.up(refresh="none").codes == ["licence_limit"]
    world.rewrite((r"count: 5", "count: 2"), (r"roles: \[[^]]*\]", "roles: [both, both]"))


def test_2_another_licence_in_the_same_secret_is_installed_by_a_run_that_reads_everything(world: RunningHome) -> None:
    world.control.put_secret(LICENCES[world.cloud], licence(5))
    ended = world.up(refresh="all")
    assert ended.result == "succeeded", ended.failures
    assert installed(world) == licence(5)
    assert licence(5) not in "".join(world.said)


@pytest.mark.parametrize("world", [TURNS[0]], indirect=True)
def test_3_a_licence_in_another_secret_is_judged_with_its_own_limit(world: RunningHome) -> None:
    other = LICENCES[world.cloud] + "s-2027"
    world.rewrite((r"secret: '[^']*'", f"secret: '{other}'"))
    assert world.up(refresh="none").codes == ["licence_missing"]
    world.control.put_secret(other, licence(1))
    assert world.up(refresh="none").codes == ["licence_limit"]
    world.control.put_secret(other, licence(2))
    ended = world.up()
    assert ended.result == "succeeded", ended.failures
    assert installed(world) == licence(2)


@pytest.mark.parametrize("world", [TURNS[0]], indirect=True)
def test_4_a_licence_that_the_program_has_is_asked_of_it_and_stands_nowhere(world: RunningHome) -> None:
    """`Hooks.secrets`: the store of the reference has no value, and needs none."""
    mine = f"{LICENCES[world.cloud]}s-of-the-shop"
    world.rewrite((r"secret: '[^']*'", f"secret: '{mine}'"))
    asked = []

    def have(reference: str) -> str | None:
        asked.append(reference)
        return licence(3) if reference == mine else None

    ended = world.up(hooks=Hooks(secrets=have), refresh="none")
    assert ended.result == "succeeded", ended.failures
    assert (installed(world), set(asked)) == (licence(3), {mine})
    files = [path for path in (world.root / ".cellctl").rglob("*") if path.is_file() and path.name != "sandbox.db"]
    assert [path for path in files if licence(3).encode() in path.read_bytes()] == []
    assert licence(3) not in "".join(world.said)
