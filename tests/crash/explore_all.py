"""`make explore`: every kill point of the witness with every victim, those of whole cells, and the other long tests.

It may be interrupted at any time: call it again, and it goes on where it was (`build/crash/`). Once all is done it
writes docs/crash-safety.md; the call after that begins anew. CELLCTL_CRASH_SEED chooses the order of a new one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
PLACE = ROOT / "build" / "crash"
DOCUMENT = ROOT / "docs" / "crash-safety.md"
LONGEST = ("tests/matrix/", "tests/mutants/", "tests/engine/")
PYTEST = [sys.executable, "-m", "pytest", "-m", "explore or turn", "-p", "no:cacheprovider"]
PYTEST += ["--override-ini", "addopts=--import-mode=importlib"]


@dataclass(frozen=True)
class Part:
    """One exploration of `crashes`: its words, and what it has found so far."""

    name: str
    words: Sequence[str]

    @property
    def journal(self) -> Path:
        return PLACE / f"{self.name}.jsonl"

    def start(self, seed: int) -> subprocess.Popen[bytes]:
        """Begin it, or go on with it."""
        homes = PLACE / f"homes-{self.name}"
        shutil.rmtree(homes, ignore_errors=True)
        homes.mkdir()
        module, *more = self.words
        told = [str(homes), *more, "--seed", str(seed), "--journal", str(self.journal)]
        return subprocess.Popen([sys.executable, "-m", f"crashes.{module}", *told], cwd=FOLDER)

    def left(self) -> int:
        """Return how many of its points are not struck yet, or were with a fault."""
        summary = self.journal.with_suffix(".summary.json")
        return int(json.loads(summary.read_text())["left"]) if summary.exists() else 1


# Those in a row run at the same time: whole cells have one process at work, the witness two.
ROWS = (
    [Part("witness", ["explore", "--saved"])],
    [Part("aws", ["cells", "--cloud", "aws"]), Part("azure", ["cells", "--cloud", "azure"])],
    [Part("steps", ["explore", "--inner"])],
)


def seed_of_this() -> int:
    """Return the seed of the exploration under way, of a new one if there is none."""
    record = PLACE / "seed"
    if not record.exists():
        shutil.rmtree(PLACE, ignore_errors=True)
        PLACE.mkdir(parents=True)
        record.write_text(os.environ.get("CELLCTL_CRASH_SEED") or str(int(time.time()) % 1000))
    return int(record.read_text())


def struck(seed: int) -> bool:
    """Strike what is left; tell whether nothing is left now."""
    for row in ROWS:
        running = [part.start(seed) for part in row if part.left()]
        if any([process.wait() for process in running]):  # noqa: C419  each is waited for
            return False
    return not any(part.left() for row in ROWS for part in row)


def tested() -> bool:
    """Run the long tests that have not passed yet, two files at a time; tell whether none failed.

    The tests of a file are run together: some go on in one home. What takes longest comes first.
    """
    record = PLACE / "tests.txt"
    before = record.read_text().splitlines() if record.exists() else []
    os.environ["CELLCTL_DAY"] = "all"
    listed = subprocess.run([*PYTEST, "-q", "--collect-only"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    left = [line for line in listed.stdout.splitlines() if "::" in line and f"passed {line}" not in before]
    files = sorted({line.partition("::")[0] for line in left}, key=lambda file: (not file.startswith(LONGEST), file))
    with ThreadPoolExecutor(max_workers=2) as runners:
        return all(list(runners.map(lambda file: _ended_well(file, record), files)))


def _ended_well(file: str, record: Path) -> bool:
    """Run the long tests of a file, and note which passed or were skipped; tell whether the others are none."""
    done = subprocess.run([*PYTEST, "-v", "-rs", file], cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    with record.open("a") as noted:
        for test, word in re.findall(r"^(tests/.+?::.+) (PASSED|SKIPPED)", done.stdout, re.MULTILINE):
            noted.write(f"{word.lower()} {test}\n")
    return not done.returncode


def main() -> None:
    """Explore what is left; write the document once nothing is."""
    seed = seed_of_this()
    print(f"seed {seed}, journals in {PLACE.relative_to(ROOT)}", flush=True)
    whole = [struck(seed), tested()]
    matrix = ROOT / "tests" / "matrix" / "report.py"
    told = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "processes")}
    subprocess.run([sys.executable, str(matrix)], env=told, check=True)
    target = DOCUMENT if all(whole) else PLACE / "so-far.md"
    journals = [str(part.journal) for row in ROWS for part in row]
    report = ["-m", "crashes.report", str(target), *journals, "--seed", str(seed), "--tests", str(PLACE / "tests.txt")]
    subprocess.run([sys.executable, *report], cwd=FOLDER, check=True)
    print(f"see {target.relative_to(ROOT)}" + ("" if all(whole) else ": call it again to go on"))
    if not all(whole):
        sys.exit(1)
    (PLACE / "seed").unlink()


if __name__ == "__main__":
    main()
