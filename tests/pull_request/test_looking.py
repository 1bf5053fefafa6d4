"""Which cells a change touches, found in a real repository; a file that goes destroys nothing and fails the check."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import fleets
import pytest

from cellctl import guard
from cellctl.errors import CellctlError, GuardError, NotYet, Objection, UsageError
from cellctl.plan import Plan
from cellctl.pull_request.changes import touches_all
from cellctl.pull_request.comment import comment
from cellctl.pull_request.looking import Asked, alone, look
from cellctl.pull_request.page import page
from cellctl.pull_request.report import Report
from cellctl.pull_request.repository import Repository
from cellctl.spec import CellSpec

CELL = "metadata: {{name: {0}{1}}}\nspec:\n  cloud: azure\n  account: sandbox\n  region: westeurope\n{2}"


class Site:
    """A repository with a home in `fleet/`, of three cells, committed as `base`."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "fleet"
        (self.home / "cells").mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        (root / "program.py").write_text("x = 1\n")
        (self.home / "cellctl.yaml").write_text("apiVersion: cellctl/v1\nkind: Home\n")
        for name in ("acme", "bert", "zoe"):
            self.cell(name)
        self.base = self.commit()
        self.previewed: list[str] = []
        self.results: dict[str, Plan | CellctlError] = {}

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false", *words],
            cwd=self.root, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def file(self, name: str) -> Path:
        return self.home / "cells" / f"{name}.yaml"

    def cell(self, name: str, *, metadata: str = "", body: str = "", file: str = "") -> None:
        self.file(file or name).write_text(CELL.format(name, metadata, body))

    def previews(self, specs: Sequence[CellSpec]) -> Iterator[tuple[str, Plan | CellctlError]]:
        for spec in specs:
            self.previewed.append(spec.metadata.name)
            yield spec.metadata.name, self.results.get(spec.metadata.name) or fleets.upgrade(spec.metadata.name, same=1)

    def look(self, **asked: object) -> Report:
        repository = Repository.of(self.home, os.environ)
        return look(repository, Asked(**{"base": self.base, **asked}), self.previews)  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_only_cells_whose_file_says_something_else_are_previewed(site: Site) -> None:
    site.file("acme").write_text("# a remark\n" + site.file("acme").read_text())
    site.cell("bert", body="  preset: gold\n")
    site.cell("newer")
    (site.root / "README.md").write_text("words")
    made = site.look()
    assert site.previewed == ["bert", "newer"]
    assert (made.base, made.home, made.all_because, made.gone) == (site.base, "fleet", (), ())
    places = [(note.file, note.line, note.level) for note in made.notes]
    assert places == [("fleet/cells/bert.yaml", 6, "warning"), ("fleet/cells/newer.yaml", 1, "warning")]  # an outage


def test_what_happened_on_the_base_since_does_not_count(site: Site) -> None:
    site.git("checkout", "-q", "-b", "change")
    site.cell("bert", body="  preset: gold\n")
    head = site.commit()
    site.git("checkout", "-q", "main")
    site.file("zoe").unlink()
    site.base = site.commit()
    site.git("checkout", "-q", "change")
    for asked in ({}, {"head": head}, {"head": "change", "base": "main"}):
        site.previewed.clear()
        assert site.look(**asked).gone == ()
        assert site.previewed == ["bert"]


@pytest.mark.parametrize("file", ["fleet/cellctl.yaml", "program.py", "new/uv.lock", "new/code.py", "new/bootstrap.sh"])
def test_code_versions_and_the_home_file_touch_every_cell(site: Site, file: str) -> None:
    path = site.root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("# y\napiVersion: cellctl/v1\nkind: Home\n")
    site.file("acme").write_text("# a remark\n" + site.file("acme").read_text())
    assert site.look().all_because == (file,)
    assert site.previewed == ["acme", "bert", "zoe"]


def test_another_home_or_words_do_not_touch_every_cell() -> None:
    paths = ["cellctl.yaml", "docs/x.md", "fleet/cells/acme.yaml", "other/cells/b.yaml", "fleet/notes.yaml"]
    assert touches_all(paths, "fleet") == ()
    assert touches_all(["cellctl.yaml"], ".") == ("cellctl.yaml",)


@pytest.mark.parametrize(
    "path",
    [
        "components/aws/bootstrap.sh", "boot.ps1", "x/machine.sh.j2", "a/user.tmpl", "a/unit.service", "a/setup.sql",
        "Pipfile", "Pipfile.lock", "environment.yml", "requirements.in", "requirements/base.txt", "poetry.lock",
        "setup.cfg", "pulumi/Pulumi.cell-acme.yaml", "aws/cloud-init.yaml", "iam/read_policy.json", ".gitmodules",
        "templates/any.thing",
    ],
)  # fmt: skip
def test_whatever_a_program_reads_or_runs_can_change_every_cell(path: str) -> None:
    assert touches_all([path], "fleet") == (path,)


def test_every_file_that_we_ship_for_programs_counts() -> None:
    """Whatever lands beside our own programs later must be known to be code, or this fails."""
    top = Path(__file__).resolve().parents[2]
    listed = subprocess.run(
        ["git", "ls-files", "components", "stacks", "provider", "cellctl"], cwd=top, capture_output=True, text=True,
        check=True,
    ).stdout.split()  # fmt: skip
    assert any(path.endswith("bootstrap.sh") for path in listed)
    harmless = ("py.typed", "README.md")
    assert [path for path in listed if not touches_all([path], ".") and not path.endswith(harmless)] == []


def test_a_reefs_file_touches_the_cells_on_it(site: Site) -> None:
    (site.home / "reefs").mkdir()
    on_reef = "  placement: {reef: north}\n"
    site.cell("bert", body=on_reef)
    site.cell("zoe", body="  placement: {reef: south}\n")
    site.base = site.commit()
    (site.home / "reefs" / "north.yaml").write_text("kind: Reef\n")
    made = site.look()
    assert (site.previewed, made.reef_files, made.all_because) == (["bert"], ("fleet/reefs/north.yaml",), ())
    assert "<code>fleet/reefs/north&#46;yaml</code>" in comment(made)
    site.git("checkout", "-q", "-b", "foreign")
    head = site.commit()
    site.git("checkout", "-q", "main")
    site.previewed.clear()
    assert site.look(head=head, files_only=True).not_applied == ("fleet/reefs/north.yaml",)
    assert site.previewed == []  # the base's reef is what plans are made with
    site.git("checkout", "-q", "foreign")
    with pytest.raises(GuardError):
        site.look(head=head, files_only=True)


def test_a_removed_file_is_refused_unless_it_was_announced_in_the_base(site: Site) -> None:
    site.cell("bert", metadata=", decommission: true")
    site.base = site.commit()
    site.file("acme").unlink()
    site.file("bert").unlink()
    made = site.look()
    assert [(item.cell, item.kind) for item in made.gone] == [("acme", "removed"), ("bert", "decommissioned")]
    assert made.refused
    assert site.previewed == []
    site.git("checkout", "-q", "--", "fleet/cells/acme.yaml")
    assert not site.look().refused


def test_announcing_and_removing_in_one_change_is_refused(site: Site) -> None:
    site.cell("acme", metadata=", decommission: true")
    assert site.look().nothing
    site.commit()
    site.file("acme").unlink()
    assert [item.kind for item in site.look().gone] == ["removed"]


@pytest.mark.parametrize("moved", [False, True])
def test_another_name_is_remove_plus_create_and_refused(site: Site, moved: bool) -> None:
    if moved:
        site.file("acme").unlink()
    site.cell("acme-two", file="acme-two" if moved else "acme")
    made = site.look()
    assert [(item.cell, item.kind, item.to) for item in made.gone] == [("acme", "renamed", "acme-two")]
    assert made.refused
    assert site.previewed == []


def test_a_file_that_leaves_its_folder_is_removed(site: Site) -> None:
    site.file("acme").rename(site.home / "acme.yaml")
    assert [item.kind for item in site.look().gone] == ["removed"]


def test_wrong_files_fail_with_their_places_and_the_others_are_previewed(site: Site) -> None:
    site.cell("acme", body="  nods: {count: 3}\n")
    site.cell("bert", body="  preset: gold\n")
    site.cell("late", file="early")
    site.file("link").symlink_to("/etc/passwd")
    site.file("large").write_text("#" * 70_000)
    site.results["bert"] = NotYet("not yet")
    made = site.look()
    assert {item.cell for item in made.failed} == {"acme", "bert", "early", "link", "large"}
    assert ("fleet/cells/acme.yaml", 6) in [(note.file, note.line) for note in made.notes]
    assert all("root:" not in item.message for item in made.failed)


def test_files_only_reads_the_files_of_the_head_and_nothing_else_of_it(site: Site) -> None:
    site.git("checkout", "-q", "-b", "foreign")
    site.cell("bert", body="  preset: gold\n")
    site.file("link").symlink_to("/etc/passwd")
    (site.root / "program.py").write_text("steal()\n")
    (site.home / "cellctl.yaml").write_text("kind: Home\naccounts: {evil: {}}\n")
    head = site.commit()
    site.git("checkout", "-q", "main")
    made = site.look(head=head, files_only=True)
    assert site.previewed == ["bert"]
    assert made.not_applied == ("fleet/cellctl.yaml", "program.py")
    assert [item.cell for item in made.failed] == ["link"]
    with pytest.raises(UsageError, match="not 'foreign'"):
        site.look(head="foreign")
    site.git("checkout", "-q", "foreign")
    with pytest.raises(GuardError) as refused:
        site.look(head=head, files_only=True)
    assert refused.value.objections[0].code == "foreign_code"
    with pytest.raises(UsageError):
        site.look(files_only=True)


def test_a_loss_is_refused(site: Site) -> None:
    site.cell("acme", body="  preset: gold\n")
    losing = fleets.losing("acme", same=0)
    site.results["acme"] = replace(losing, objections=guard.judge(losing, guard.Case()))
    made = site.look()
    assert made.refused
    assert made.notes[0].level == "failure"


def test_a_freeze_keeps_nobody_from_merging(site: Site) -> None:
    site.cell("acme", body="  preset: gold\n")
    now = Objection(code="frozen", reason="acme is frozen", remedy="wait")
    site.results["acme"] = replace(fleets.upgrade("acme", same=1), objections=(now,))
    assert not site.look().refused


def test_what_a_guard_does_not_let_be_previewed_is_refused(site: Site) -> None:
    site.cell("acme", body="  preset: gold\n")
    moved = Objection(code="frozen_field", reason="region cannot change", remedy="set it back")
    site.results["acme"] = GuardError([moved])
    made = site.look()
    assert made.refused
    assert [(item.code, item.hint) for item in made.failed] == [("frozen_field", "set it back")]
    assert [(note.line, note.level) for note in made.notes] == [(1, "failure")]


def test_a_sandbox_cell_is_refused_where_only_real_ones_count(site: Site) -> None:
    site.cell("acme", body="  preset: gold\n")
    with pytest.raises(GuardError):
        site.look(require_real=True)


@pytest.mark.parametrize("ref", ["--output=/tmp/cellctl-must-not-be", "nowhere", "", "main:fleet", "a\x1bb"])
def test_a_ref_is_never_an_option(site: Site, ref: str) -> None:
    with pytest.raises(UsageError, match="no commit"):
        site.look(base=ref)
    assert not Path("/tmp/cellctl-must-not-be").exists()


def test_no_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as wrong:
        Repository.of(tmp_path, os.environ)
    assert wrong.value.code == "no_repository"


def test_the_plan_of_one_cell_is_a_document_of_its_own() -> None:
    losing = fleets.losing("acme", same=0)
    report = alone(replace(losing, objections=guard.judge(losing, guard.Case())))
    for text in (comment(report), page(report)):
        assert "would REPLACE its database" in text
        assert "compared with its state" in text
        assert "--allow-replace" in text
    assert "<!-- cellctl:pr-preview" not in comment(report)  # nobody shall take it for the comment of a pull request
    assert "no cell would change (1 cell looked at)" in comment(alone(replace(losing, changes=())))
