"""The table of exit codes in the docs is the enum, and every error class has its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cellctl import errors
from cellctl.errors import CellctlError, ExitCode

TABLE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "exit-codes.md"


def test_the_table_is_the_enum() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", TABLE.read_text(encoding="utf-8"), re.M)
    assert [(int(number), name) for number, name in rows] == [(int(code), code.name) for code in ExitCode]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SpecError", 2), ("UsageError", 2), ("NotYet", 2), ("GuardError", 4), ("Locked", 5), ("StaleApproval", 6),
        ("Interrupted", 130), ("EngineError", 1), ("ForgeError", 1), ("RegistryError", 1), ("CellctlError", 1),
    ],
)  # fmt: skip
def test_every_error_has_its_code(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code


def test_no_error_is_without_its_code_here() -> None:
    found = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, CellctlError)}
    (listed,) = test_every_error_has_its_code.pytestmark  # type: ignore[attr-defined]
    assert {name for name, _ in listed.args[1]} == found


def test_every_code_in_the_docs_is_one_of_the_sources() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| \d+ \|", TABLE.read_text(encoding="utf-8"), re.M)
    codes = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    root = TABLE.parents[2]
    folders = (root / "cellctl", root / "sandbox", root / "provider")
    text = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    assert len(codes) > 30
    assert {code for code in codes if f'"{code}"' not in text} == set()
