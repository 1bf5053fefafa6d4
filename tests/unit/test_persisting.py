"""An `up` that met a busy cloud goes on by itself, a few times, and nothing else is ever tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from cellctl.engine.classify import classify, is_busy
from cellctl.engine.progress import Progress
from cellctl.engine.redact import Redactor
from cellctl.engine.wire import Task
from cellctl.errors import EngineError
from cellctl.run import persisting
from cellctl.run.knowledge import FactsOfTypes
from cellctl.run.session import Ended

BUSY = "ReferencedResourceNotProvisioned: the subnet is not in Succeeded state"
FULL = "StorageAccountAlreadyTaken: the name is taken"


@dataclass
class Target:
    name: str = "acme"


@dataclass
class Runs:
    """Plays one run after another: how many it created, and what failed; as a Session does."""

    played: list[tuple[int, Sequence[str]]]
    interrupted: bool = False
    broke: EngineError | None = None
    target: Target = field(default_factory=Target)
    waits: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def say(self, message: str) -> None:
        self.said.append(message)

    def change(self, task: Task) -> tuple[Progress, Ended]:
        self.waits.append(task.after_s)
        created, failed = self.played.pop(0)
        progress = Progress(FactsOfTypes(), Redactor())
        progress.counts |= {"create": created, "same": 3}
        progress.of_cloud |= {"create": created, "same": 3}
        progress.failures += [
            classify(message, f"urn:pulumi::x::y::z::{number}") for number, message in enumerate(failed)
        ]
        return progress, Ended(failed=failed[0] if failed else "", broke=self.broke)


def run(runs: Runs) -> Progress:
    return persisting.changed(runs, Task(verb="up"))[0]  # type: ignore[arg-type]  # what it uses of a Session


def test_it_goes_on_where_a_neighbour_was_in_the_way_and_counts_everything() -> None:
    runs = Runs([(20, [BUSY]), (5, [BUSY, "RetryableErrorDueToAnotherOperation"]), (30, [])])
    done = run(runs)
    assert (done.failures, done.counts["create"], runs.played) == ([], 55, [])
    assert runs.waits[0] == 0.0
    assert 15 <= runs.waits[1] <= 45 < runs.waits[2] * 1.5
    assert [line.partition(":")[0] for line in runs.said] == ["the cloud is busy with a neighbour of 0"] * 2
    other = Runs([(1, [BUSY]), (1, [])], target=Target("globex"))
    run(other)
    assert other.waits[1] != runs.waits[1], "two cells that met do not meet again at once"


@pytest.mark.parametrize("failed", [[FULL], [BUSY, FULL], []])
def test_what_a_person_must_mend_is_not_tried_again(failed: list[str]) -> None:
    runs = Runs([(20, failed)])
    assert [failure.message for failure in run(runs).failures] == failed


def test_it_ends_after_a_few_times_and_where_somebody_stopped_it() -> None:
    runs = Runs([(1, [BUSY])] * (persisting.MOST + 1))
    assert run(runs).failures[0].code == "conflict"
    assert runs.played == []
    assert run(Runs([(1, [BUSY])], interrupted=True)).failures
    assert run(Runs([(1, [BUSY])], broke=EngineError("the process ended"))).failures
    assert not is_busy(FULL)
