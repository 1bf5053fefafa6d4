"""Files of an older apiVersion become the newest by a chain of steps; one of an unknown version is answered plainly."""

from __future__ import annotations

from pathlib import Path

import pytest
from warm import client

from cellctl.errors import SpecError
from cellctl.spec import loads
from cellctl.spec.converting import LATEST, Data, Step, converted

TEXT = "# mine\nmetadata: {name: acme}\nspec: {cloud: aws,  account: sandbox, region: eu-west-1}  # kept\n"


def renamed(data: Data) -> Data:
    """As v0 had it: the account was called `tenant`."""
    body = dict(data["spec"])  # type: ignore[call-overload]
    body["account"] = body.pop("tenant")
    return {**data, "spec": body, "apiVersion": "cellctl/v0.5"}


STEPS = {
    "cellctl/v0": Step("cellctl/v0.5", renamed),
    "cellctl/v0.5": Step(LATEST, lambda data: {**data, "apiVersion": LATEST}),
}
OLD = TEXT.replace("account", "tenant")


@pytest.mark.parametrize("head", ["", f"apiVersion: {LATEST}\n"])
def test_the_newest_version_stays_letter_by_letter(head: str) -> None:
    assert converted(head + TEXT) == head + TEXT


def test_an_older_version_goes_through_every_step() -> None:
    text = converted(f"apiVersion: cellctl/v0\n{OLD}", steps=STEPS)
    assert loads(text) == loads(TEXT)
    assert f"apiVersion: {LATEST}" in text
    assert loads(converted(f"apiVersion: cellctl/v0.5\n{TEXT}", steps=STEPS)) == loads(TEXT)


@pytest.mark.parametrize("version", ["cellctl/v2", "cellctl/v0", "7", "[]"])
def test_an_unknown_version_is_answered_with_those_that_are_known(version: str) -> None:
    with pytest.raises(SpecError) as wrong:
        converted(f"metadata: {{name: acme}}\napiVersion: {version}\n", "cells/acme.yaml")
    (problem,) = wrong.value.problems
    assert (problem.file, problem.line, problem.field) == ("cells/acme.yaml", 2, "apiVersion")
    assert f"only {LATEST}" in problem.message


def test_what_the_steps_make_is_checked_as_any_file() -> None:
    with pytest.raises(SpecError, match="name"):
        converted("apiVersion: cellctl/v0.5\nmetadata: {}\nspec: {}\n", steps=STEPS)


def test_the_command_prints_a_file_and_refuses_a_newer_one(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(TEXT)
    shown = client.cellctl("schema", "convert", "acme.yaml", cwd=tmp_path)
    assert (shown.returncode, shown.stdout) == (0, TEXT)
    assert "already" in client.cellctl("schema", "convert", "acme.yaml", "--write", cwd=tmp_path).stderr
    assert file.read_text() == TEXT
    file.write_text(f"apiVersion: cellctl/v2\n{TEXT}")
    refused = client.cellctl("schema", "convert", "acme.yaml", cwd=tmp_path)
    assert (refused.returncode, "acme.yaml:1" in refused.stderr) == (2, True)
