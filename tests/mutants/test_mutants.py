"""Removing any single thing that a cell needs makes `up` or `verify` fail; docs/mutants.md says what caught each."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from cellctl_sandbox.testing.mutants import HEAD, Caught, Mutant, kept, read, reason, table

DOCUMENT = Path(__file__).parents[2] / "docs" / "mutants.md"
SAMPLE = 16
PUBLISHED = [cloud for cloud in ("aws", "azure") if read(DOCUMENT.read_text(encoding="utf-8"), cloud)]


@pytest.fixture(scope="module")
def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("mutation", PUBLISHED, indirect=True)
def test_the_table_is_of_this_program_and_a_sample_is_caught_as_it_says(mutation, document: str) -> None:
    published = read(document, mutation.cloud)
    known = [mutant for mutant in mutation.mutants if mutant.id in published]
    assert len(known) > 0.9 * len(mutation.mutants), "`make explore` writes docs/mutants.md anew"
    seed = int(os.environ.get("MUTANTS_SEED", time.time_ns() % 1_000_000))
    for mutant in random.Random(seed).sample(known, SAMPLE):
        caught = mutation.trial.judge(mutant)
        assert bool(caught.by) is (published[mutant.id] != "stays"), f"MUTANTS_SEED={seed}: {mutant.id}: {caught.why}"
        assert caught.by or reason(caught), f"MUTANTS_SEED={seed}: nothing notices: {mutant.id}"
        assert not caught.by or caught.why


@pytest.mark.parametrize("mutation", PUBLISHED, indirect=True)
def test_after_the_sample_the_cell_works_as_before(mutation) -> None:
    assert mutation.trial.verified() == []


@pytest.mark.parametrize("cloud", PUBLISHED)
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
        assert len(PUBLISHED) < 2 or "stays" in covered, f"kept.toml: nothing that stays is '{entry.mutant}'"


class _Named(Mutant):
    """A mutant that is known by its id alone."""

    @property
    def id(self) -> str:
        return self.name


def _named(id: str) -> Mutant:
    return _Named(uid="", type="", name=id)


@pytest.mark.explore
def test_every_mutant_is_caught_or_stays_for_a_reason(mutation) -> None:
    """Judges all of them and writes the section of this cloud; the other one's is kept."""
    results: list[Caught] = [mutation.trial.judge(mutant) for mutant in mutation.mutants]
    before = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    sections = {cloud: _section(before, cloud) for cloud in ("aws", "azure")}
    sections[mutation.cloud] = table(mutation.cloud, results)
    DOCUMENT.write_text("\n".join([HEAD, *(text for text in sections.values() if text)]), encoding="utf-8")
    unexplained = [item.mutant.id for item in results if not item.by and not reason(item)]
    assert unexplained == []


def _section(text: str, cloud: str) -> str:
    found = text.partition(f"## {cloud}\n")[2].partition("\n## ")[0]
    return f"## {cloud}\n{found.rstrip()}\n" if found else ""
