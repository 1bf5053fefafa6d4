"""The home: where it is, what it makes, what it remembers, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellctl.errors import GuardError, Problem, SpecError, UsageError
from cellctl.home import Home
from cellctl.home.accounts import refuse_sandbox
from cellctl.home.file import HOME_TEXT, loads_home
from cellctl.spec import CellSpec, load

PROD = 'accounts:\n  prod: {cloud: aws, id: "123456789012", regions: [eu-west-1, eu-central-1]}\n'


def spec(**changes: str) -> CellSpec:
    return CellSpec.minimal("acme", **{"cloud": "aws", "account": "sandbox", "region": "eu-west-1", **changes})


def test_the_home_is_found_in_the_order_of_the_contract(tmp_path: Path) -> None:
    for name in ("flag", "environment", "fleet/cells/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "fleet" / "cellctl.yaml").write_text("kind: Home\n")
    deep = tmp_path / "fleet" / "cells" / "deep"
    flag, environment = tmp_path / "flag", str(tmp_path / "environment")
    assert Home.find(home=flag, environment=environment, start=deep).root == flag
    assert Home.find(environment=environment, start=deep).root == tmp_path / "environment"
    assert Home.find(start=deep).root == tmp_path / "fleet"
    assert Home.find(start=flag).root == flag


def test_a_home_that_is_not_there_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, words in ((tmp_path / "absent", "is not there"), (tmp_path / "file", "is not a folder")):
        with pytest.raises(UsageError, match=words) as caught:
            Home.find(home=path)
        assert caught.value.exit_code == 2
        with pytest.raises(UsageError, match="CELLCTL_HOME"):
            Home.find(environment=str(path))


def test_looking_at_a_home_writes_nothing(tmp_path: Path) -> None:
    home = Home.find(start=tmp_path)
    assert home.settings.sandbox_only
    assert home.cell_names() == home.stack_names() == home.runs() == home.known_cells() == []
    assert home.incarnation("acme") == 1
    assert list(tmp_path.iterdir()) == []


def test_prepare_makes_a_private_folder_that_git_ignores(tmp_path: Path) -> None:
    subprocess.run(
        ["git", "init", "-q", str(tmp_path)], check=True, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    )
    home = Home(tmp_path)
    home.prepare()
    home.prepare()
    home.raise_incarnation("acme")
    for folder in (home.private, home.state, home.pulumi, home.runs_folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    done = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--porcelain"], capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == ""


def test_a_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / ".cellctl").mkdir(mode=0o755)
    Home(tmp_path).prepare()
    assert stat.S_IMODE((tmp_path / ".cellctl").stat().st_mode) == 0o700


def test_no_write_access_is_one_sentence(tmp_path: Path) -> None:
    """A file where a folder must be stands for every refusal: root, who runs CI, may write anywhere else."""
    (tmp_path / ".cellctl").write_text("")
    with pytest.raises(UsageError) as caught:
        Home(tmp_path).prepare()
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_the_first_file_is_written_once_and_reads_as_the_sandbox(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.write_file()
    assert not home.write_file()
    assert home.file.read_text() == HOME_TEXT
    assert Home(tmp_path).settings.sandbox_only
    schema = home.file.read_text().splitlines()[0].rpartition("$schema=")[2]
    assert json.loads((tmp_path / schema).read_text())["properties"]["accounts"]


def test_a_new_cell_file_shows_every_field_and_points_at_its_schema(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path = home.write_cell(spec())
    assert path == tmp_path / "cells" / "acme.yaml"
    assert load(path) == spec()
    schema = path.read_text().splitlines()[0].rpartition("$schema=")[2]
    assert (path.parent / schema).is_file()
    with pytest.raises(UsageError, match="there already"):
        home.write_cell(spec())
    assert home.cell_names() == ["acme"]


def test_incarnations_rise_and_stay(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.incarnation("acme") == 1
    assert home.raise_incarnation("acme") == 2
    assert home.raise_incarnation("acme") == 3
    assert Home(tmp_path).incarnation("acme") == 3
    assert home.incarnation("globex") == 1


def test_incarnations_of_many_threads_are_never_lost(tmp_path: Path) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(Home(tmp_path).raise_incarnation("acme"))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(2, 14))


def test_runs_are_recorded_with_their_outcome(tmp_path: Path) -> None:
    home = Home(tmp_path)
    facts = {"cell": "acme", "cloud": "aws", "account": "sandbox", "region": "eu-west-1"}
    first = home.begin_run(operation="up", command="cellctl up acme", file="cells/acme.yaml", **facts)
    assert home.runs("acme")[0].result == "running"
    assert stat.S_IMODE(first.folder.stat().st_mode) == 0o700
    first.events.write_text('{"kind": "run.started"}\n')
    home.finish_run(first, result="succeeded", outcome={"result": "succeeded"})
    look = home.begin_run(operation="preview", **facts)
    home.finish_run(look, result="nothing", outcome={})
    assert [(run.operation, run.result) for run in home.runs("acme")] == [("preview", "nothing"), ("up", "succeeded")]
    assert json.loads(first.outcome.read_text()) == {"result": "succeeded"}
    (record,) = home.known_cells()
    assert record.last is not None
    assert (record.name, record.last.operation, record.last.result) == ("acme", "up", "succeeded")
    assert record.last.ended is not None
    assert home.runs("globex") == []


def test_a_corrupt_database_is_one_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    home.database.write_bytes(b"\x00garbage" * 600)
    with pytest.raises(UsageError, match="cannot be used") as caught:
        home.incarnation("acme")
    assert caught.value.hint


def test_the_sandbox_always_exists_and_nothing_else_does(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.account("sandbox").simulated
    with pytest.raises(UsageError, match=r"not in cellctl\.yaml") as caught:
        home.account("prod")
    assert caught.value.exit_code == 2
    (tmp_path / "cellctl.yaml").write_text(PROD)
    home = Home(tmp_path)
    assert not home.account("prod").simulated
    assert not home.settings.sandbox_only
    with pytest.raises(UsageError) as caught:
        home.account("prd")
    assert caught.value.hint == "did you mean prod?"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"account": "prud"}, "spec.account", "not in cellctl.yaml"),
        ({"account": "prod", "cloud": "azure"}, "spec.account", "is on aws"),
        ({"account": "prod", "region": "us-east-1"}, "spec.region", "not used in us-east-1"),
    ],
)
def test_a_spec_must_fit_its_account(tmp_path: Path, changes: dict[str, str], field: str, words: str) -> None:
    (tmp_path / "cellctl.yaml").write_text(PROD)
    home = Home(tmp_path)
    file = home.write_cell(spec(**changes))
    with pytest.raises(SpecError) as caught:
        home.check(spec(**changes), file=file)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert words in problem.message
    assert problem.line is not None
    assert problem.file == str(file)


def test_a_spec_that_fits_is_fine(tmp_path: Path) -> None:
    (tmp_path / "cellctl.yaml").write_text(PROD)
    Home(tmp_path).check(spec())
    Home(tmp_path).check(spec(account="prod"))


def test_only_real_accounts_where_that_was_asked_for() -> None:
    refuse_sandbox("prod")
    with pytest.raises(GuardError) as caught:
        refuse_sandbox("sandbox")
    assert caught.value.exit_code == 4


def home_problems(text: str) -> dict[str, Problem]:
    with pytest.raises(SpecError) as caught:
        loads_home(text)
    assert all(problem.line and problem.column for problem in caught.value.problems)
    return {problem.field: problem for problem in caught.value.problems}


def test_every_problem_of_a_home_is_listed_at_once() -> None:
    found = home_problems(
        """\
apiVersion: cellctl/v1
kind: Cell
acounts: {}
accounts:
  sandbox: {cloud: aws, id: "123456789012"}
  Prod: {cloud: aws, id: "123456789012"}
  eu: {cloud: gcp, id: 123456789012, region: [x]}
registry: mysql://x
"""
    )
    assert set(found) == {
        "kind",
        "acounts",
        "accounts.Prod",
        "accounts.eu.cloud",
        "accounts.eu.id",
        "accounts.eu.region",
    }
    assert found["acounts"].hint == "did you mean accounts?"
    assert found["accounts.eu.id"].hint == 'put it in quotes: "123456789012"'
    assert found["accounts.eu.region"].hint == "did you mean regions?"


def test_rules_of_a_home() -> None:
    found = home_problems(
        """\
accounts:
  sandbox: {cloud: aws, id: "123456789012"}
  short: {cloud: aws, id: "12345", tenant: x, apply: {role: nobody}}
  sub: {cloud: azure, id: "12345", preview: {role: x}, state: "ftp://x", secrets: "plain"}
registry: mysql://x
"""
    )
    assert set(found) == {
        "accounts.sandbox", "accounts.short.id", "accounts.short.tenant", "accounts.short.apply.role",
        "accounts.sub.id", "accounts.sub.preview.role", "accounts.sub.state", "accounts.sub.secrets", "registry",
    }  # fmt: skip


def test_a_complete_home_is_read() -> None:
    home = loads_home(
        """\
apiVersion: cellctl/v1
kind: Home
accounts:
  prod:
    cloud: aws
    id: "123456789012"
    regions: [eu-west-1]
    apply: {role: "arn:aws:iam::123456789012:role/apply"}
    preview: {role: "arn:aws:iam::123456789012:role/preview"}
    state: "s3://bucket"
    secrets: "awskms://alias/x"
    reach: runner
    controlCidr: 10.0.0.0/24
  sub:
    cloud: azure
    id: 00000000-0000-0000-0000-000000000001
    tenant: 00000000-0000-0000-0000-000000000002
    administrators: 00000000-0000-0000-0000-000000000003
    principal: 00000000-0000-0000-0000-000000000004
registry: postgresql+psycopg://host/db
"""
    )
    prod = home.account("prod")
    assert prod.apply_role.endswith("role/apply")
    assert (prod.reach, prod.control_cidr, prod.regions) == ("runner", "10.0.0.0/24", ("eu-west-1",))
    sub = home.account("sub")
    assert (sub.tenant[-1], sub.administrators[-1], sub.principal[-1]) == ("2", "3", "4")
    assert home.registry.endswith("/db")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"accounts: [", b"a: \xe4", b"- x", b"x" * 200_000])
def test_a_corrupt_file_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "cellctl.yaml").write_bytes(data)
    with pytest.raises(SpecError) as caught:
        Home(tmp_path).account("prod")
    assert "cellctl.yaml" in str(caught.value)


@given(st.text(st.sampled_from(list("accounts: {}[]\n\"'idp&*!0123\t-")), max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_text_raises_anything_but_spec_error(text: str) -> None:
    try:
        loads_home(text)
    except SpecError as error:
        located = [problem for problem in error.problems if problem.line]
        assert len(located) == len(error.problems)  # noqa: PT017


def test_importing_and_looking_at_a_home_stays_light(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; import sys; from cellctl.home import Home;"
        f"home = Home.find(start=Path({str(tmp_path)!r})); home.cell_names(); home.runs(); home.account('sandbox');"
        "print([m for m in ('pydantic', 'yaml', 'pulumi') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
