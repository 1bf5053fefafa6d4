"""What `cellctl` promises to other programs: its names, complete and sorted, and the example of the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cellctl

ROOT = Path(__file__).resolve().parent.parent


def test_names_are_sorted_and_resolve() -> None:
    assert sorted(cellctl.__all__) == cellctl.__all__
    for name in cellctl.__all__:
        assert getattr(cellctl, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Cel'"):
        cellctl.Cel  # type: ignore[attr-defined]  # noqa: B018


def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    home = cellctl.Home(tmp_path)
    home.write_file()
    home.write_cell(cellctl.CellSpec.minimal("acme", cloud="azure", account="sandbox", region="westeurope"))
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    exec(compile(example.replace("cell.up(", "cell.up(options=STEPPED, "), "README.md", "exec"), {
        "print": lambda *words: said.append(" ".join(map(str, words))),
        "STEPPED": cellctl.RunOptions(clock="stepped"),
    })  # fmt: skip
    assert "'create': 8" in said[0]
    assert said[1] == "succeeded https://acme.octopus.internal"
