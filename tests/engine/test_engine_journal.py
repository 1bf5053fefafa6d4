"""Steps that run at once share writes of the state; each still waits for the write that holds what it recorded."""

import threading
import time

from cellctl.state.checkpoint import Checkpoint
from cellctl.state.resources import ResourceState
from cellctl_sandbox.engine.core import Engine
from cellctl_sandbox.engine.journal import Journal
from cellctl_sandbox.testing.engine_bench import EngineBench, Thing
from cellctl_sandbox.testing.fake_provider import Behaviour, FakeFactory

THINGS = tuple(Thing(f"t{number}", {"size": 1}) for number in range(16))


class SlowDisk(EngineBench):
    """A bench whose writes take so long that others come meanwhile. Its engine is looked at."""

    def __init__(self, folder):
        super().__init__(folder)
        self.writes, self.untold, self.looks = 0, [], []
        self.engine = Engine({"fake": FakeFactory(self.world)}, probe=self.look)

    def save(self, text):
        self.writes += 1
        time.sleep(0.005)
        super().save(text)

    def look(self, moment):
        self.looks.append((moment, threading.get_ident(), self.standing(moment.urn)))
        if moment.place == "before_call" and self.standing(moment.urn) != f"{moment.operation} begun":
            self.untold.append(moment)

    def standing(self, urn):
        """What the file says of a URN now."""
        state = self.checkpoint()
        begun = [item.kind for item in state.pending if item.resource.urn == urn]
        if begun:
            return {"creating": "create", "updating": "update", "deleting": "delete"}[begun[0]] + " begun"
        return "there" if state.find(urn) else "away"


def named(moment):
    """Whether a moment is about one of the things."""
    return moment.urn.rpartition("::")[2] in {item.name for item in THINGS}


def test_no_call_begins_before_the_pending_operation_is_on_the_disk(tmp_path):
    bench = SlowDisk(tmp_path)
    assert bench.up(*THINGS).result.succeeded
    bench.writes = 0
    larger = tuple(Thing(item.name, {"size": 2}) for item in THINGS)
    assert bench.up(*larger).result.succeeded
    assert bench.destroy().result.succeeded
    assert bench.untold == []
    assert len([moment for moment, _, _ in bench.looks if moment.place == "before_call" and named(moment)]) == 3 * len(
        THINGS
    )
    assert bench.writes < 2 * len(THINGS)  # of 64 records: they did share


def test_no_step_is_told_done_before_its_record_is_on_the_disk(tmp_path):
    bench = SlowDisk(tmp_path)
    wrong = []
    things = THINGS[:8]
    for thing in things:  # what depends on `thing` starts when that is done
        bench.world.behaviour["create", f"{thing.name}-after"] = Behaviour(
            meanwhile=lambda name=thing.name: None if name in bench.names() else wrong.append(name)
        )
    after = tuple(Thing(f"{item.name}-after", {}, {"depends_on": [item.name]}) for item in things)
    assert bench.up(*things, *after).result.succeeded
    assert wrong == []


def test_the_moments_of_a_write_belong_to_the_write_that_holds_the_record(tmp_path):
    bench = SlowDisk(tmp_path)
    bench.up(*THINGS)
    bench.destroy()
    of = {"begin": {"saving": ("there", "away"), "saved": ("create begun", "delete begun")},
          "commit": {"saving": ("create begun", "delete begun"), "saved": ("there", "away")}}  # fmt: skip
    seen = {"saving": [], "saved": []}
    for moment, thread, standing in bench.looks:
        if moment.place in seen and named(moment):
            assert standing in of[moment.operation][moment.place], (moment, standing)
            seen[moment.place].append((moment.operation, moment.urn, thread))
    assert seen["saving"] == seen["saved"]
    assert len(seen["saved"]) == 4 * len(THINGS)


def test_what_is_read_after_an_object_was_found_gone_forgets_it_until_it_is_there_again():
    kept = ResourceState(urn="urn:b", type="fake:index:Thing", parent="urn:a", dependencies=("urn:a",))
    above = ResourceState(urn="urn:a", type="fake:index:Thing")
    journal = Journal(Checkpoint(stack="s", resources=(kept,)), None)
    journal.prune({"urn:a": ""})
    journal.commit(kept=kept, lazily=True)
    assert [(row.parent, row.dependencies) for row in journal.checkpoint().resources] == [("", ())]
    journal.commit(new=above, lazily=True)
    journal.commit(new=kept, gone=(kept,), lazily=True)
    assert [row.dependencies for row in journal.checkpoint().resources] == [(), ("urn:a",)]
