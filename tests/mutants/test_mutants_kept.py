"""What docs/mutants.md says stays has a reason, and no reason is stale."""

from __future__ import annotations

import pytest
from wrong_programs import DOCUMENT

from cellctl_sandbox.testing.mutants import Mutant, kept, read


@pytest.fixture(scope="module")
def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_what_stays_has_a_reason(cloud: str, document: str) -> None:
    published = read(document, cloud)
    stays = [id for id, by in published.items() if by == "stays"]
    assert len(stays) < len(published) / 2
    for id in stays:
        assert any(entry.covers(_named(id)) for entry in kept()), id


def test_no_reason_is_stale(document: str) -> None:
    everywhere = {**read(document, "aws"), **read(document, "azure")}
    for entry in kept():
        covered = {by for id, by in everywhere.items() if entry.covers(_named(id))}
        assert "stays" in covered, f"kept.toml: nothing that stays is '{entry.mutant}'"


class _Named(Mutant):
    """A mutant that is known by its id alone."""

    @property
    def id(self) -> str:
        return self.name


def _named(id: str) -> Mutant:
    return _Named(uid="", type="", name=id)


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_the_table_is_of_real_runs(cloud: str, document: str) -> None:
    count = len(read(document, cloud))
    assert f"\n{count} mutants, all of them brought up (" in document.partition(f"## {cloud}\n")[2]
