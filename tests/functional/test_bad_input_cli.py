"""Wrong input through the real command line: one sentence, a hint, exit 2, nothing changed, never a traceback."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from warm import client

ROOT = Path(__file__).resolve().parents[2]
CELL = "metadata: {name: acme}\nspec: {cloud: aws, account: sandbox, region: eu-west-1}\n"
REAL = 'accounts:\n  prod: {cloud: aws, id: "123456789012", regions: [eu-west-1]}\n'


class Cli:
    """Runs `cellctl` in a folder and checks what holds for every wrong input."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        basics = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        done = client.cellctl(*words, cwd=self.home, env={**basics, **environment})
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def wrong(self, *words: str, **environment: str) -> str:
        """Run what must be refused as wrong input; return stderr."""
        before = self.listing()
        done = self(*words, **environment)
        assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
        assert "error: " in done.stderr
        assert self.listing() == before
        return done.stderr

    def listing(self) -> list[str]:
        return sorted(str(path.relative_to(self.home)) for path in self.home.rglob("*"))

    def write(self, text: str | bytes, name: str = "acme") -> Path:
        path = self.home / "cells" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_an_unknown_cloud(cli: Cli) -> None:
    said = cli.wrong("up", "--cloud", "gcp", "acme", "--yes")
    assert "there is no cloud 'gcp'" in said
    assert "hint: clouds are: aws, azure" in said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("sandbox", "edit", "vpc-1", "tags.owner=me"), "cellctl sandbox edit"),
        (("up", "--nope"), "cellctl up"),
        (("nothing",), "cellctl"),
    ],
)
def test_words_that_do_not_fit_are_answered_with_the_help_of_their_command(
    cli: Cli, words: tuple[str, ...], named: str
) -> None:
    assert f"hint: `{named} --help` shows what there is" in cli.wrong(*words)


def test_a_name_that_is_too_long_or_wrong(cli: Cli) -> None:
    said = cli.wrong("up", "--cloud", "aws", "a" * 40, "--yes")
    assert "it has 40 characters, and must have 2 to 32" in said
    assert "hint: " in said
    assert "cannot be a cell's name" in cli.wrong("up", "--cloud", "aws", "Acme_Prod", "--yes")


def test_a_cloud_against_the_file_is_answered_with_a_whole_command(cli: Cli) -> None:
    cli.write(CELL)
    said = cli.wrong("up", "--cloud", "azure", "acme", "--yes")
    assert "cell 'acme' is on aws (acme.yaml), not on azure" in said
    hint = next(line.removeprefix("hint: ") for line in said.splitlines() if line.startswith("hint: "))
    assert shlex.split(hint) == ["cellctl", "up", "--cloud", "azure", "acme-azure"]


def test_an_unknown_account_is_never_the_sandbox(cli: Cli) -> None:
    (cli.home / "cellctl.yaml").write_text(REAL)
    cli.write(CELL.replace("sandbox", "prd"))
    said = cli.wrong("up", "acme", "--yes")
    assert "cells/acme.yaml:2:29: spec.account: account 'prd' is not in cellctl.yaml (did you mean prod?)" in said


def test_a_home_with_real_accounts_makes_no_cell_up(cli: Cli) -> None:
    (cli.home / "cellctl.yaml").write_text(REAL)
    assert "real accounts" in cli.wrong("up", "--cloud", "aws", "acme", "--yes")
    cli.write(CELL.replace("sandbox", "prod"))
    assert "did you mean acme?" in cli.wrong("up", "--cloud", "aws", "acmee", "--yes")


def test_every_problem_of_a_file_is_listed_and_jsonl_ends_with_a_summary(cli: Cli) -> None:
    cli.write(CELL.replace("cloud: aws", "clout: aws").replace("eu-west-1}", "eu-west-1, nodes: {count: 9}}"))
    said = cli.wrong("preview", "acme")
    assert "cells/acme.yaml:2:8: spec.clout: is not a field here (did you mean cloud?)" in said
    assert "spec.nodes.count: is 9; it must be 8 or less" in said
    assert "3 problems; nothing was changed." in said
    done = cli("up", "acme", "--output", "jsonl", "--yes")
    summary = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 2
    assert (summary["kind"], summary["result"], len(summary["errors"])) == ("summary", "failed", 3)
    assert {error["code"] for error in summary["errors"]} == {"spec_invalid"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"a: \xe4\xff", "is not UTF-8"),
        (CELL.encode("utf-16"), "is UTF-16"),
        (b"x" * 10_000_000, "larger than 64 KiB"),
        (b"a: &a [1, 2]\nb: [*a, *a]\n", "aliases (*a)"),
        (CELL.encode() + b"\tnodes: 1\n", "a tab is not allowed here"),
        (b"a: !!python/object/apply:os.system ['touch hacked']\n", "tags (!!python/object/apply:os.system)"),
    ],
    ids=["empty", "latin-1", "utf-16", "10-MB", "alias", "tab", "tag"],
)
def test_files_that_are_no_cell_files(cli: Cli, data: bytes, words: str) -> None:
    cli.write(data)
    assert words in cli.wrong("up", "acme", "--yes")


def test_a_corrupt_home_file(cli: Cli) -> None:
    (cli.home / "cellctl.yaml").write_text("accounts: {prod: {cloud: asw}\n")
    cli.write(CELL)
    assert "cellctl.yaml:2:1: not valid YAML" in cli.wrong("up", "acme", "--yes")
    (cli.home / "cellctl.yaml").write_text("acounts: {}\nregistry: 7\n")
    said = cli.wrong("up", "acme", "--yes")
    assert "cellctl.yaml:1:1: acounts: is not a field here (did you mean accounts?)" in said
    assert "cellctl.yaml:2:11: registry: must be a text" in said


@pytest.mark.parametrize(
    ("cloud", "region", "meant"), [("aws", "eu-wset-1", "eu-west-1"), ("azure", "westeurop", "westeurope")]
)
def test_an_unknown_region_is_told_at_its_place(cli: Cli, cloud: str, region: str, meant: str) -> None:
    cli.write(CELL.replace("cloud: aws", f"cloud: {cloud}").replace("eu-west-1", region))
    done = cli("preview", "acme")
    assert done.returncode == 2, done.stderr
    assert "cells/acme.yaml:2:" in done.stderr
    assert f"'{region}'" in done.stderr
    assert f"did you mean {meant}?" in done.stderr


def test_a_region_without_enough_zones(cli: Cli) -> None:
    cli.write(CELL.replace("cloud: aws", "cloud: azure").replace("eu-west-1", "westus"))
    done = cli("preview", "acme")
    assert done.returncode == 2, done.stderr
    assert "cells/acme.yaml:2:" in done.stderr
    assert "zones" in done.stderr


def test_ranges_that_overlap(cli: Cli) -> None:
    body = "network: {cidr: 10.255.0.0/20}, ingress: {allow: [10.0.0.0/8, 10.9.0.0/16]}"
    cli.write(CELL.replace("eu-west-1}", f"eu-west-1, {body}}}"))
    said = cli.wrong("preview", "acme")
    assert "spec.network.cidr: overlaps 10.255.0.0/24" in said
    assert "spec.ingress.allow[1]: 10.9.0.0/16 is already inside 10.0.0.0/8" in said


def test_options_of_later_versions_are_listed_together(cli: Cli) -> None:
    files = "storage: {authentication: identity}"
    failover = "database: {failover: {region: northeurope}}"
    asked = f"westeurope, {files}, {failover}, placement: {{reef: r1}}}}"
    cli.write(CELL.replace("cloud: aws", "cloud: azure").replace("eu-west-1}", asked))
    done = cli("up", "acme", "--yes")
    assert done.returncode == 2
    assert "not yet" in done.stderr
    assert "spec.storage.authentication" in done.stderr
    assert "spec.database.failover" in done.stderr
    assert re.search(r"cells/acme\.yaml:2:\d+: spec\.storage\.authentication: not yet", done.stderr)
    assert "(use no failover)" in done.stderr
    done = cli("preview", "acme", "--output", "jsonl")
    errors = json.loads(done.stdout.splitlines()[-1])["errors"]
    assert [(error["code"], error["hint"]) for error in errors] == [
        ("not_yet", "use authentication: key"),
        ("not_yet", "use no failover"),
    ]


def test_only_real_accounts_where_that_is_required(cli: Cli) -> None:
    cli.write(CELL)
    done = cli("up", "acme", "--yes", CELLCTL_REQUIRE_REAL="1")
    assert done.returncode == 4
    assert "sandbox_refused" in done.stderr


@pytest.mark.parametrize("words", [("up", "--bogus"), ("bogus",), ("up", "a", "b"), ("preview", "--refresh", "some")])
def test_wrong_arguments(cli: Cli, words: tuple[str, ...]) -> None:
    assert "hint: " in cli.wrong(*words)


def test_a_home_that_is_not_there(cli: Cli) -> None:
    assert "hint: mkdir -p" in cli.wrong("up", "--cloud", "aws", "--home", "absent", "--yes")
    assert "is not there" in cli.wrong("cells", CELLCTL_HOME=str(cli.home / "absent"))


# Root may write anywhere, by one capability; without it root is an ordinary owner. PR_CAPBSET_DROP, CAP_DAC_OVERRIDE.
WITHOUT_OVERRIDE = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.executable, sys.argv[1:])"
)


def test_no_write_access(cli: Cli) -> None:
    cli.home.chmod(0o555)
    command = [sys.executable, str(ROOT / "cli.py"), "up", "--cloud", "aws", "acme", "--yes"]
    try:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_OVERRIDE, *command],
            cwd=cli.home, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    finally:
        cli.home.chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "no write access to" in done.stderr
    assert "hint: " in done.stderr
    assert cli.listing() == []
