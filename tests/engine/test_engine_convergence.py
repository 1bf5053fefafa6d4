"""Whatever fails in between, the state stays sound, the next run converges, and a destroy leaves nothing behind."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellctl.state.checkpoint import integrity_problem
from cellctl_sandbox.testing.engine_bench import EngineBench, Ref, Thing
from cellctl_sandbox.testing.fake_provider import Behaviour

NAMES = ("a", "b", "c", "d", "e")
CALLS = ("check", "diff", "create", "update", "delete", "read")


@st.composite
def programs(draw):
    """A program over some of the names, in order; references go back only."""
    things = []
    for name in NAMES:
        if not draw(st.booleans()):
            continue
        earlier = [thing.name for thing in things]
        props = {"size": draw(st.integers(0, 1)), "fixed": draw(st.integers(0, 1))}
        if earlier and draw(st.booleans()):
            props[draw(st.sampled_from(["of", "fixedOf"]))] = Ref(draw(st.sampled_from(earlier)))
        options = {}
        if draw(st.booleans()):
            options["delete_before_replace"] = draw(st.booleans())
        if earlier and draw(st.booleans()):
            options["depends_on"] = [draw(st.sampled_from(earlier))]
        if earlier and draw(st.integers(0, 4)) == 0:
            options["parent"] = draw(st.sampled_from(earlier))
        things.append(Thing(name, props, options))
    return tuple(things)


FAULTS = st.dictionaries(
    st.tuples(st.sampled_from(CALLS), st.sampled_from(NAMES)),
    st.sampled_from([Behaviour(error="no"), Behaviour(not_ready=("late",)), Behaviour(unknown=True)]),
    max_size=3,
)
PLAYS = st.lists(
    st.tuples(st.sampled_from(["up", "up", "refresh", "preview"]), programs(), FAULTS), min_size=1, max_size=4
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plays=PLAYS, last=programs())
def test_it_converges(plays, last):
    with tempfile.TemporaryDirectory() as folder:
        bench = EngineBench(Path(folder))
        for kind, program, faults in plays:
            bench.world.behaviour = dict(faults)
            before = dict(bench.world.objects)
            bench.run(kind, None if kind == "refresh" else program, None if kind == "refresh" else {})
            assert integrity_problem(bench.checkpoint()) == ""
            assert bench.checkpoint().pending == ()
            known = {item.id for item in bench.checkpoint().resources}
            assert set(bench.world.objects) <= known, "an object that no state knows"
            assert kind != "preview" or bench.world.objects == before
        bench.world.behaviour = {}
        seen = bench.up(*last)
        assert seen.result.succeeded, seen.errors
        assert sorted(bench.names()) == sorted(thing.name for thing in last)
        assert len(bench.world.objects) == len(last)
        assert set(bench.up(*last).result.changes) == {"same"}
        assert bench.destroy().result.succeeded
        assert bench.world.objects == {}
        assert bench.names() == []
