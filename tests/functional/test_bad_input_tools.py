"""A real account whose Pulumi CLI is missing, too old or broken: one sentence, the line that installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALL = "hint: curl -fsSL https://get.pulumi.com | sh -s -- --version 3.272.0"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "cellctl.yaml").write_text('accounts: {prod: {cloud: aws, id: "123456789012"}}\n')
    (tmp_path / "cells").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "cells" / "acme.yaml").write_text(
        "metadata: {name: acme}\nspec: {cloud: aws, account: prod, region: eu-west-1}\n"
    )
    return tmp_path


def preview(home: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "preview", "acme"],
        cwd=home, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
        env={"PATH": str(home / "bin"), "HOME": str(home), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    return done


def put_cli(home: Path, script: str) -> None:
    path = home / "bin" / "pulumi"
    path.write_text(f"#!{os.path.realpath('/bin/sh')}\n{script}\n")
    path.chmod(0o755)


def test_no_cli(home: Path) -> None:
    done = preview(home)
    assert done.returncode == 2
    assert "there is no `pulumi` on PATH; real accounts and --engine pulumi need it" in done.stderr
    assert INSTALL in done.stderr


@pytest.mark.parametrize("version", ["v3.100.0", "v4.0.0"])
def test_a_cli_that_does_not_fit(home: Path, version: str) -> None:
    put_cli(home, f"echo {version}")
    done = preview(home)
    assert done.returncode == 2
    assert version.removeprefix("v") in done.stderr
    assert "3.205.0 or newer of major version 3" in done.stderr
    assert INSTALL in done.stderr


def test_a_cli_that_does_not_run(home: Path) -> None:
    put_cli(home, "exit 3")
    done = preview(home)
    assert done.returncode == 1
    assert "pulumi version` fails" in done.stderr
    assert INSTALL in done.stderr
