"""Writes docs/crash-safety.md from the journals of an exploration: what was struck, and what was found."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from crashes.journal import done

PLACES = {
    "before_call": "before the call",
    "before_change": "inside, before the cloud changed",
    "after_change": "inside, after it changed",
    "after_call": "after the call, before the checkpoint",
    "saving": "while the checkpoint is written",
    "saved": "after it is in place",
}
HEAD = """# Crash safety

Written by `make explore`; the last exploration: {date}, seed {seed}, {hit} of {points} kills, {faults} with a fault.

A kill is a SIGKILL of a real process at a point that the run itself passes: the operation process, the process of a
provider, or the whole process group with the command that a person typed. Then the same command runs again, without any
help, and a judge compares the simulated account with the state: it ended well, nothing is there twice, nothing is left
over, rows written into the database are still there, no lock, lease or pending operation is left.

`make test` strikes every point of the witness (twelve resources, `tests/crash/crashes/witness.py`) with every victim,
and a few types of whole cells, others with every `CELLCTL_CRASH_SEED`; `make explore` also the moments after a record
is in place, each resource type of whole cells at every place, and the calls inside the steps of provider `cellctl`.
Kills of one command and victim come in a row, each while the run goes on where the last one died; after each the judge
looks at what the account holds and the state does not know, and after the run that ends a row at everything. `make
explore` goes on where it was stopped (`build/crash/`). A command whose own process is spared goes on in that process,
as a service does; one that was killed with its group, and the last run of a row, begin in another. What is struck
applies the plan of an unharmed run, as one that was approved; the last run of a row reads and plans for itself.

Steps that run at once share writes: a kill while the checkpoint is written strikes the write that holds the record in
question. The moment after the record of what begins is in place is the one before the call.
"""


def count(journal: Path) -> int:
    """Return how many kills there are in a part; 0 before it was run to its end once."""
    summary = journal.with_suffix(".summary.json")
    return int(json.loads(summary.read_text())["kills"]) if summary.exists() else 0


def lines(journals: list[Path], seed: int) -> Iterator[str]:
    """Yield the lines of the document."""
    latest = {str(line["key"]): line for journal in journals for line in done(journal) if line["hit"]}
    alone = sum(bool(line.get("alone")) for line in latest.values())
    rows = [line for line in latest.values() if not line.get("alone")]  # struck again because of a fault: counts once
    date = time.strftime("%Y-%m-%d", time.gmtime())
    bad = [line for line in rows if line["faults"]]
    points = sum(count(journal) for journal in journals) - alone
    yield HEAD.format(date=date, seed=seed, hit=len(rows), points=points, faults=len(bad))
    yield "| run | " + " | ".join(PLACES.values()) + " |"
    yield "|---|" + "---|" * len(PLACES)
    counts = Counter(tuple(str(line["key"]).split("/")[:2]) for line in rows)
    for run in dict.fromkeys(str(line["key"]).split("/")[0] for line in rows):
        yield f"| {run} | " + " | ".join(str(counts[run, place]) for place in PLACES) + " |"
    victims = Counter(str(line.get("victim") or str(line["key"]).rpartition("/")[2]) for line in rows)
    yield "\nVictims: " + ", ".join(f"{victim} {count}" for victim, count in sorted(victims.items())) + "."
    yield f"At {alone} more points no provider's process lives that could be killed."
    for line in bad:
        yield f"\n- `{line['key']}`: {'; '.join(map(str, line['faults']))}"  # type: ignore[arg-type]


def ended(tests: list[str]) -> Iterator[str]:
    """Yield what is said of other long tests: the last word on each, `passed TEST` or `skipped TEST`."""
    latest = {test: word for word, _, test in (line.partition(" ") for line in tests)}
    if latest:
        yield "\nOther long tests (one is skipped where a tool that it needs is missing):\n"
        yield from (f"- {word}: `{test}`" for test, word in latest.items())


def main() -> None:
    """Write the document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("document", type=Path)
    parser.add_argument("journals", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tests", type=Path, help="how other long tests ended, one a line")
    given = parser.parse_args()
    tests = given.tests.read_text().splitlines() if given.tests and given.tests.exists() else []
    given.document.write_text("\n".join([*lines(given.journals, given.seed), *ended(tests)]) + "\n")


if __name__ == "__main__":
    main()
