"""Which cell is meant, and when one may be made up."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cellctl.errors import SpecError, UsageError
from cellctl.home import FoundCell, Home, find_cell
from cellctl.spec import CellSpec, dump

REAL = 'accounts:\n  prod: {cloud: aws, id: "123456789012"}\n'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def add(home: Home, name: str, cloud: str = "aws") -> Path:
    return home.write_cell(CellSpec.minimal(name, cloud=cloud, region="r"))


def add_stack(home: Home, name: str) -> None:
    path = home.stack_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


def up(home: Home, cell: str = "", cloud: str = "") -> FoundCell:
    return find_cell(home, cell, command="up", cloud=cloud, create=True)


def refused(home: Home, cell: str = "", cloud: str = "", *, command: str = "up") -> UsageError:
    with pytest.raises(UsageError) as caught:
        find_cell(home, cell, command=command, cloud=cloud, create=command in ("up", "preview"))
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value


def test_the_first_up_makes_the_cell_file(home: Home) -> None:
    found = up(home, "acme", "aws")
    assert found.created
    assert found.spec is not None
    assert (found.spec.spec.account, found.spec.spec.region) == ("sandbox", "eu-west-1")
    assert found.file == home.root / "cells" / "acme.yaml"
    again = up(home, "acme", "aws")
    assert not again.created
    assert again.spec == found.spec


def test_a_preview_of_a_new_cell_may_leave_nothing_behind(home: Home) -> None:
    found = find_cell(home, "acme", command="preview", cloud="azure", create=True, write=False)
    assert found.spec is not None
    assert found.spec.spec.region == "westeurope"
    assert found.file is None
    assert list(home.root.iterdir()) == []


def test_without_a_name_the_only_cell_fits(home: Home) -> None:
    add(home, "acme")
    assert up(home).name == "acme"
    assert up(home, cloud="aws").name == "acme"
    add(home, "globex", "azure")
    assert up(home, cloud="aws").name == "acme"
    assert up(home, cloud="azure").name == "globex"
    error = refused(home)
    assert "acme, globex" in str(error)


def test_without_a_name_the_demo_cell_is_meant_in_the_sandbox(home: Home) -> None:
    assert up(home, cloud="aws").name == "demo-aws"
    assert up(home, cloud="azure").name == "demo-azure"
    add(home, "acme")
    assert up(home, cloud="aws").name == "demo-aws"


def test_several_that_fit_are_listed(home: Home) -> None:
    add(home, "acme")
    add(home, "globex")
    error = refused(home, cloud="aws")
    assert "There are 2 on aws: acme, globex" in str(error)
    assert error.hint == "cellctl up acme"


def test_an_empty_home_says_how_to_begin(home: Home) -> None:
    assert refused(home).hint == "cellctl up --cloud aws"
    assert refused(home, command="status").hint == "cellctl up --cloud aws"
    assert refused(home, cloud="azure", command="status").hint == "cellctl up --cloud azure"


def test_a_new_name_needs_a_cloud(home: Home) -> None:
    assert refused(home, "acme").hint == "for a new cell say its cloud: cellctl up --cloud aws acme"


@pytest.mark.parametrize("command", ["up", "down", "status", "outputs"])
def test_an_unknown_name_is_told_with_the_one_that_was_meant(home: Home, command: str) -> None:
    add(home, "acme")
    error = refused(home, "acmee", command=command)
    assert error.hint == f"did you mean acme? cellctl {command} acme"
    assert not home.cell_file("acmee").exists()


@pytest.mark.parametrize(
    ("cloud", "hint"),
    [("gcp", "clouds are: aws, azure"), ("AWS", "did you mean aws?"), ("azur", "did you mean azure?")],
)
def test_an_unknown_cloud(home: Home, cloud: str, hint: str) -> None:
    error = refused(home, "acme", cloud)
    assert f"no cloud '{cloud}'" in str(error)
    assert error.hint == hint


def test_a_home_with_real_accounts_makes_nothing_up(home: Home) -> None:
    home.file.write_text(REAL)
    error = refused(home, "acme", "aws")
    assert "real accounts" in error.hint
    assert not home.cells_folder.exists()
    assert refused(home, cloud="aws").code == "no_cell"
    add(home, "acme")
    assert up(home, "acme").name == "acme"


def test_a_cell_without_its_file_is_not_called_unknown(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was brought up from a file elsewhere, or the file was removed."""
    monkeypatch.setattr(Home, "stack_names", lambda _home: ["acme"])
    error = refused(home, "acme")
    assert error.code == "no_file"
    assert "path/to/acme.yaml" in error.hint


def test_a_cloud_against_the_file_is_refused_with_a_command_that_works(home: Home) -> None:
    add(home, "acme")
    error = refused(home, "acme", "azure")
    assert "is on aws" in str(error)
    words = shlex.split(error.hint)
    assert words[:3] == ["cellctl", "up", "--cloud"]
    found = up(home, words[4], words[3])
    assert found.created
    assert found.spec is not None
    assert found.spec.spec.cloud == "azure"


def test_the_suggested_name_is_free_and_not_too_long(home: Home) -> None:
    long = "a" + "b" * 31
    add(home, long)
    first = refused(home, long, "azure").hint.split()[-1]
    assert up(home, first, "azure").created
    second = refused(home, long, "azure").hint.split()[-1]
    assert second != first
    assert up(home, second, "azure").created


def test_a_cloud_against_the_file_elsewhere_keeps_to_the_cell(home: Home) -> None:
    add(home, "acme")
    assert refused(home, "acme", "azure", command="down").hint == "cellctl down acme"
    home.file.write_text(REAL)
    assert refused(Home(home.root), "acme", "azure").hint == "cellctl up acme"


def test_a_cell_whose_file_is_gone_is_found_by_its_stack(home: Home) -> None:
    add_stack(home, "acme")
    found = find_cell(home, "acme", command="down")
    assert (found.name, found.spec, found.file) == ("acme", None, None)
    add_stack(home, "demo-aws")
    assert find_cell(home, command="down", cloud="aws").name == "demo-aws"


def test_a_path_may_be_anywhere(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "any.yaml"
    other.parent.mkdir()
    other.write_text(dump(CellSpec.minimal("acme", cloud="aws", region="r")))
    found = up(home, str(other))
    assert (found.name, found.file) == ("acme", other)


def test_a_name_that_another_file_has_is_taken(home: Home, tmp_path: Path) -> None:
    own = add(home, "acme")
    other = tmp_path / "other.yaml"
    other.write_text(own.read_text())
    with pytest.raises(SpecError, match="the name 'acme' is taken") as caught:
        up(home, str(other))
    assert caught.value.problems[0].line == 5
    assert up(home, str(own)).name == "acme"
    link = tmp_path / "link.yaml"
    link.symlink_to(own)
    assert up(home, str(link)).name == "acme"


def test_a_path_that_is_wrong_is_told(home: Home, tmp_path: Path) -> None:
    for cell in (str(tmp_path / "absent.yaml"), "absent.yaml", "./absent", str(tmp_path)):
        with pytest.raises(SpecError) as caught:
            up(home, cell, "aws")
        assert caught.value.exit_code == 2
    assert not home.cells_folder.exists()


def test_a_file_in_the_home_has_the_name_of_its_cell(home: Home) -> None:
    add(home, "acme").rename(home.cell_file("globex"))
    with pytest.raises(SpecError, match=r"is 'acme', but the file is globex\.yaml"):
        up(home, "globex")


def test_an_unknown_account_is_never_the_sandbox(home: Home) -> None:
    home.cells_folder.mkdir()
    home.cell_file("acme").write_text("metadata: {name: acme}\nspec: {cloud: aws, account: prod, region: r}\n")
    with pytest.raises(SpecError) as caught:
        up(home, "acme")
    (problem,) = caught.value.problems
    assert problem.field == "spec.account"
    assert problem.line == 2


@pytest.mark.parametrize(
    "name", ["x" * 33, "x" * 5000, "Acme", "a b", "acme\n", "-x", "a--b", "all", "ä", "a\0b", "..", "$(id)"]
)
@pytest.mark.parametrize("command", ["up", "down"])
def test_bad_names_are_told_and_touch_nothing(home: Home, name: str, command: str) -> None:
    error = refused(home, name, "aws", command=command)
    assert error.code == "bad_name"
    assert len(str(error)) < 200
    assert list(home.root.iterdir()) == []


def test_of_many_who_make_one_cell_at_once_each_reads_the_same_whole_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: up(Home(tmp_path), "acme", cloud="aws"), range(8)))
    assert [item.created for item in found].count(True) == 1
    assert len({item.spec.digest() for item in found if item.spec}) == 1
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["acme.yaml"]
