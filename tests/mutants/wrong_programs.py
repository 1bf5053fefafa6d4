"""What is asked of the cell of either cloud: all in one class, so that one `up` answers for it."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import real_runs
from trials import trial_of

from cellctl.state.values import Struct
from cellctl_sandbox.testing.mutants import HEAD, Caught, Mutant, read, reason, table
from cellctl_sandbox.testing.pretended import Reads, excused, hollow, parts, pretended

DOCUMENT = Path(__file__).parents[2] / "docs" / "mutants.md"
SAMPLE = 16
REAL = 1
"""How many programs are brought up in each run: a few seconds of CPU time each."""
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
                used.setdefault(record.type, set()).update(parts(record.inputs))
        assert len(used) > 20
        found = {token: pretended(token, names, reads.seen.get(token, set())) for token, names in used.items()}
        assert {token: names for token, names in found.items() if names} == {}
        stale = {token: excused(token, names, reads.seen.get(token, set())) for token, names in used.items()}
        assert {token: names for token, names in stale.items() if names} == {}

    def test_no_output_that_a_program_takes_is_a_placeholder(self, mutation) -> None:
        taken = {token: names for token, names in mutation.taken.items() if token.startswith(PROVIDERS)}
        assert taken
        assert self.cloud == "azure" or "dns_entries.0.dns_name" in taken["aws:ec2/vpcEndpoint:VpcEndpoint"]
        found = {token: hollow(token, names, mutation.outputs[token]) for token, names in taken.items()}
        assert {token: names for token, names in found.items() if names} == {}

    def test_the_table_is_of_this_program(self, mutation) -> None:
        assert set(_published(self.cloud)) == {mutant.id for mutant in mutation.mutants}, (
            "`make explore` writes docs/mutants.md"
        )

    def test_a_sample_is_noticed_as_the_table_says_and_leaves_the_cell_as_it_was(self, mutation) -> None:
        """Judged on the account of the one cell that came up, which costs nothing."""
        for mutant in _drawn(mutation, SAMPLE):
            caught = mutation.trial.judge(mutant)
            said = f"MUTANTS_SEED={_seed()}: {mutant.id}: {caught.why}"
            stays = _published(self.cloud)[mutant.id] == "stays"
            # Whom a step would wait for too long is not told by a cell that is up.
            assert bool(caught.by) != stays or (mutant.only[0] and not caught.by), said
            assert caught.why or not stays or reason(caught), said
        assert mutation.trial.verified() == []

    def test_a_node_that_keeps_files_where_the_first_does_not_never_answers(self, mutation) -> None:
        """What one node writes another reads: that each returns what it wrote itself says nothing of it."""
        second = next(one for one in mutation.trial.records if one.urn.endswith("-2") and "userData" in one.inputs)
        name = second.urn.rpartition("::")[2]
        swapped = Swapped(uid=second.uid, type=second.type, name=name, path=("userData",), label="userData")
        why = mutation.trial.hindrance(swapped)
        assert re.search("file share (artifacts|imports) does not hold what the first node wrote for ", why), why

    def test_a_program_without_one_thing_ends_as_the_table_says(self, mutation, tmp_path) -> None:
        """Judged by a real run: that program is brought up and verified."""
        for mutant in _drawn(mutation, REAL):
            caught = real_runs.judged(mutant, self.cloud, tmp_path)
            said = f"MUTANTS_SEED={_seed()}: {mutant.id}: {caught.why}"
            assert bool(caught.by) == (_published(self.cloud)[mutant.id] != "stays"), said

    @pytest.mark.explore
    def test_every_mutant_is_caught_or_stays_for_a_reason(self, tmp_path) -> None:
        """Brings up every one of those programs and writes the section of this cloud; the other one's is kept.

        What was judged before is not judged again where MUTANTS_RESUME names a file.
        """
        known = Judged(os.environ.get("MUTANTS_RESUME", ""), self.cloud)
        with trial_of(self.cloud, tmp_path) as found:
            mutants = found.mutants
        stations = list(real_runs.stations(self.cloud, tmp_path / "stations"))
        results = [known.of(mutant, stations) for mutant in mutants]
        before = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
        sections = {cloud: _section(before, cloud) for cloud in ("aws", "azure")}
        sections[self.cloud] = table(self.cloud, results, on=time.strftime("%Y-%m-%d"))
        DOCUMENT.write_text("\n".join([HEAD, *(text for text in sections.values() if text)]), encoding="utf-8")
        unexplained = [item.mutant.id for item in results if not item.by and not reason(item)]
        assert unexplained == []


class Swapped(Mutant):
    """A machine that keeps artifacts in the share of imports, and imports in that of artifacts."""

    def applied(self, inputs: Struct) -> Struct:
        data = str(inputs["userData"])
        script = data.startswith("<")
        text = data if script else base64.b64decode(data).decode()
        parts = [part.replace("artifacts", "?").replace("imports", "artifacts").replace("?", "imports") if odd else part
                 for odd, part in _remote_paths(text)]  # fmt: skip
        changed = "".join(parts)
        return {**inputs, "userData": changed if script else base64.b64encode(changed.encode()).decode()}


def _remote_paths(text: str) -> list[tuple[bool, str]]:
    """Return a text in parts, each with whether it is the UNC path of a share."""
    return [(index % 2 == 1, part) for index, part in enumerate(re.split(r"(\\\\[\w.\\-]+)", text))]


class Judged:
    """What real runs have said of the mutants of one cloud, kept in a file of JSON lines if there is one."""

    def __init__(self, file: str, cloud: str) -> None:
        self._file, self._cloud = file, cloud
        lines = Path(file).read_text(encoding="utf-8").splitlines() if file and Path(file).exists() else []
        self._known = {(item["cloud"], item["id"]): item for item in map(json.loads, lines)}

    def of(self, mutant: Mutant, stations: Sequence[real_runs.Station]) -> Caught:
        """Return what a real run says of a mutant; it goes on from the last station where it may."""
        known = self._known.get((self._cloud, mutant.id))
        if known is not None:
            return Caught(mutant=mutant, by=known["by"], why=known["why"], real=True)
        station = next(one for one in reversed(stations) if one.precedes(mutant))
        home = station.home.with_name("now")
        shutil.copytree(station.home, home)
        caught = real_runs.apart(lambda: real_runs.judged(mutant, self._cloud, home))
        shutil.rmtree(home)
        if self._file:
            line = {"cloud": self._cloud, "id": mutant.id, "by": caught.by, "why": caught.why}
            with Path(self._file).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        return caught


def _seed() -> int:
    return int(os.environ.get("MUTANTS_SEED", time.strftime("%Y%m%d")))


def _drawn(mutation, count: int) -> list[Mutant]:
    sys.stdout.write(f"MUTANTS_SEED={_seed()}\n")
    return random.Random(_seed()).sample(sorted(mutation.mutants, key=lambda one: one.id), count)


def _published(cloud: str) -> Mapping[str, str]:
    return read(DOCUMENT.read_text(encoding="utf-8"), cloud)


def _section(text: str, cloud: str) -> str:
    found = text.partition(f"## {cloud}\n")[2].partition("\n## ")[0]
    return f"## {cloud}\n{found.rstrip()}\n" if found else ""
