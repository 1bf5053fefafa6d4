"""What `cellctl` promises to other programs: its names, complete and sorted, and the example of the README."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from warm import client, keys

import cellctl
import cellctl_sandbox.testing

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("module", [cellctl, cellctl_sandbox.testing])
def test_names_are_sorted_and_resolve(module: ModuleType) -> None:
    assert sorted(module.__all__) == module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Cel'"):
        module.Cel  # noqa: B018


def test_everything_public_in_the_testing_kit_says_what_it_is() -> None:
    for name in cellctl_sandbox.testing.__all__:
        found = getattr(cellctl_sandbox.testing, name)
        members = [item for key, item in vars(found).items() if key[0] != "_" and callable(item)]
        assert all(item.__doc__ for item in (found, *members)), name


def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    home = cellctl.Home(tmp_path)
    home.write_file()
    keys.give(tmp_path)
    home.write_cell(cellctl.CellSpec.minimal("acme", cloud="azure", account="sandbox", region="westeurope"))
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    stepped = example.replace("preview()", "preview(options=STEPPED)").replace("up(plan)", "up(plan, options=STEPPED)")
    exec(compile(stepped, "README.md", "exec"), {
        "print": lambda *words: said.append(" ".join(map(str, words))),
        "STEPPED": cellctl.RunOptions(clock="stepped", start=client.operation),
    })  # fmt: skip
    assert "'create': 9" in said[0]
    assert said[1] == "succeeded https://acme.octopus.internal"
