"""What is asked of the cell of either cloud: all in one class, so that one `up` answers for it."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest

from cellctl_sandbox.testing.mutants import HEAD, Caught, read, reason, table
from cellctl_sandbox.testing.pretended import Reads, excused, hollow, pretended

DOCUMENT = Path(__file__).parents[2] / "docs" / "mutants.md"
SAMPLE = 16
PROVIDERS = ("aws:", "azure-native:")


class WrongPrograms:
    """Removing any single thing that the cell needs makes `up` or `verify` fail; docs/mutants.md says what caught it.

    The sandbox knows every type, argument and output that the program uses: it acts on them, or says why it does not.
    """

    cloud: ClassVar[str]

    def test_no_argument_is_only_echoed(self, mutation) -> None:
        assert mutation.trial.troubles() == []
        reads: Reads = mutation.reads
        used: dict[str, set[str]] = {}
        for record in mutation.trial.records:
            if record.urn:
                used.setdefault(record.type, set()).update(record.inputs)
        assert len(used) > 20
        found = {token: pretended(token, names, reads.seen.get(token, set())) for token, names in used.items()}
        assert {token: names for token, names in found.items() if names} == {}
        stale = {token: excused(token, names, reads.seen.get(token, set())) for token, names in used.items()}
        assert {token: names for token, names in stale.items() if names} == {}

    def test_no_output_that_a_program_takes_is_a_placeholder(self, mutation) -> None:
        taken = {token: names for token, names in mutation.taken.items() if token.startswith(PROVIDERS)}
        assert taken
        found = {token: hollow(token, names) for token, names in taken.items()}
        assert {token: names for token, names in found.items() if names} == {}

    def test_the_table_is_of_this_program(self, mutation) -> None:
        published = read(DOCUMENT.read_text(encoding="utf-8"), self.cloud)
        assert set(published) == {mutant.id for mutant in mutation.mutants}, "`make explore` writes docs/mutants.md"

    def test_a_sample_is_caught_as_the_table_says_and_leaves_the_cell_as_it_was(self, mutation) -> None:
        published = read(DOCUMENT.read_text(encoding="utf-8"), self.cloud)
        seed = int(os.environ.get("MUTANTS_SEED", time.strftime("%Y%m%d")))
        sys.stdout.write(f"MUTANTS_SEED={seed}\n")
        for mutant in random.Random(seed).sample(sorted(mutation.mutants, key=lambda one: one.id), SAMPLE):
            caught = mutation.trial.judge(mutant)
            said = f"MUTANTS_SEED={seed}: {mutant.id}: {caught.why}"
            assert (caught.by or "stays") == published[mutant.id], said
            assert caught.why if caught.by else reason(caught), said
        assert mutation.trial.verified() == []

    @pytest.mark.explore
    def test_every_mutant_is_caught_or_stays_for_a_reason(self, mutation) -> None:
        """Judges all of them and writes the section of this cloud; the other one's is kept."""
        results: list[Caught] = [mutation.trial.judge(mutant) for mutant in mutation.mutants]
        before = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
        sections = {cloud: _section(before, cloud) for cloud in ("aws", "azure")}
        sections[self.cloud] = table(self.cloud, results)
        DOCUMENT.write_text("\n".join([HEAD, *(text for text in sections.values() if text)]), encoding="utf-8")
        unexplained = [item.mutant.id for item in results if not item.by and not reason(item)]
        assert unexplained == []


def _section(text: str, cloud: str) -> str:
    found = text.partition(f"## {cloud}\n")[2].partition("\n## ")[0]
    return f"## {cloud}\n{found.rstrip()}\n" if found else ""
