"""The options of resources and the flags of operations, case by case: who is replaced with whom, and who takes part."""

import pytest

from cellctl.state.values import secret
from cellctl_sandbox.testing.engine_bench import EngineBench, Hidden, Ref, Thing
from cellctl_sandbox.testing.engine_cases import Case, Play, play_case
from cellctl_sandbox.testing.fake_provider import Behaviour

PREFIX = "urn:pulumi:dev::bench::fake:index:Thing::"
CREATE_FIRST = ["create-replacement", "replace", "delete-replaced"]
DELETE_FIRST = ["delete-replaced", "replace", "create-replacement"]
ONE = [Thing("a", {"size": 1})]
TWO = [Thing("a", {"size": 1}), Thing("b", {"of": Ref("a")})]
THREE = [*TWO, Thing("c", {"size": 1})]
CHANGED = [Thing("a", {"size": 2}), Thing("b", {"of": Ref("a"), "n": 1}), Thing("c", {"size": 2})]


def fixed(value, **options):
    return Thing("a", {"fixed": value}, options)


def bound(option, **more):
    return Thing("b", {"size": 1}, {option: ["a"] if option == "replace_with" else "a", **more})


def ignoring(path, value):
    return [Thing("a", value, {"ignore_changes": [path]})]


CASES = [
    # ---- replaced with, deleted with, triggers ----
    Case(
        "what is to be replaced with something is, and its dependents see it",
        [
            Play(program=[fixed(1), bound("replace_with"), Thing("c", {"of": Ref("b")})]),
            Play(
                program=[fixed(2), bound("replace_with"), Thing("c", {"of": Ref("b")})],
                ops={"a": CREATE_FIRST, "b": CREATE_FIRST, "c": ["update"]},
            ),
            Play(ops={}, calls=[]),
        ],
    ),
    Case(
        "what is replaced with something deleted first is deleted before it",
        [
            Play(program=[fixed(1, delete_before_replace=True), bound("replace_with")]),
            Play(
                program=[fixed(2, delete_before_replace=True), bound("replace_with")],
                ops={"a": DELETE_FIRST, "b": DELETE_FIRST},
                calls=["delete b", "delete a", "create a", "create b"],
            ),
        ],
    ),
    Case(
        "what goes with its container comes back with it, and is never deleted by itself",
        [
            Play(program=[fixed(1), bound("deleted_with")]),
            Play(
                program=[fixed(2), bound("deleted_with")],
                ops={"a": CREATE_FIRST, "b": CREATE_FIRST},
                calls=["create a", "create b", "delete a"],
            ),
        ],
    ),
    Case(
        "a container deleted first takes along what is deleted with it",
        [
            Play(program=[fixed(1, delete_before_replace=True), bound("deleted_with")]),
            Play(
                program=[fixed(2, delete_before_replace=True), bound("deleted_with")],
                ops={"a": DELETE_FIRST, "b": DELETE_FIRST},
                state={"b": {"id": "b-1"}},
            ),
        ],
    ),
    Case(
        "what leaves the program while its container is replaced is not deleted by itself either",
        [Play(program=[fixed(1), bound("deleted_with")]), Play(program=[fixed(2)], calls=["create a", "delete a"])],
    ),
    Case(
        "a trigger replaces when it changes, not when it comes, goes or turns secret",
        [
            Play(program=ONE),
            Play(program=[Thing("a", {"size": 1}, {"replacement_trigger": 1})], ops={}),
            Play(program=[Thing("a", {"size": 1}, {"replacement_trigger": {"k": [2]}})], ops={"a": CREATE_FIRST}),
            Play(program=[Thing("a", {"size": 1}, {"replacement_trigger": Hidden("x")})], ops={"a": CREATE_FIRST}),
            Play(program=[Thing("a", {"size": 1}, {"replacement_trigger": "x"})], ops={}),
            Play(program=[Thing("a", {"size": 1}, {"replacement_trigger": Hidden("y")})], ops={"a": CREATE_FIRST}),
            # The CLI compares what it has not decrypted yet: what follows a secret is no change.
            Play(program=[Thing("a", {"size": 1}, {"replacement_trigger": Hidden("z")})], ops={}),
            Play(program=ONE, ops={}, state={"a": {"replacement_trigger": None}}),
        ],
    ),
    Case(
        "a trigger that is not known yet is a replacement in the preview",
        [
            Play(program=[Thing("z", {"size": 1}), Thing("a", {}, {"replacement_trigger": Ref("z", "version")})]),
            Play(
                do="preview",
                program=[Thing("z", {"fixed": 1}), Thing("a", {}, {"replacement_trigger": Ref("z", "arn")})],
                ops={"z": CREATE_FIRST, "a": CREATE_FIRST},
            ),
        ],
    ),
    Case(
        "a protected dependent stops the replacement that would delete it, in a preview too",
        [
            Play(program=[fixed(1, delete_before_replace=True), Thing("b", {"fixedOf": Ref("a")}, {"protect": True})]),
            Play(
                do="preview",
                program=[fixed(2, delete_before_replace=True), Thing("b", {"fixedOf": Ref("a")}, {"protect": True})],
                fails=["as part of replacing"],
            ),
            Play(fails=["as part of replacing"], calls=[]),
        ],
    ),
    Case(
        "options of dependents count in a cascade: what they ignore, and what they are replaced on",
        [
            Play(
                program=[
                    fixed(1, delete_before_replace=True),
                    Thing("b", {"of": Ref("a")}, {"replace_on_changes": ["of"]}),
                    Thing("c", {"of": Ref("a")}),
                ]
            ),
            Play(
                program=[
                    fixed(2, delete_before_replace=True),
                    Thing("b", {"of": Ref("a")}, {"replace_on_changes": ["of"]}),
                    Thing("c", {"of": Ref("a")}),
                ],
                ops={"a": DELETE_FIRST, "b": DELETE_FIRST, "c": ["update"]},
            ),
        ],
    ),
    # ---- aliases ----
    Case(
        "two resources cannot be the old one",
        [
            Play(program=ONE),
            Play(
                program=[
                    Thing("x", {"size": 1}, {"aliases": [f"{PREFIX}a"]}),
                    Thing("y", {"size": 1}, {"aliases": [f"{PREFIX}a"], "depends_on": ["x"]}),
                ],
                fails=["Duplicate resource alias"],
                names=["x"],
            ),
        ],
    ),
    Case(
        "a name that an alias took is not free",
        [
            Play(program=ONE),
            Play(
                program=[
                    Thing("x", {"size": 1}, {"aliases": [f"{PREFIX}a"]}),
                    Thing("a", {"size": 1}, {"depends_on": ["x"]}),
                ],
                fails=["conflicting with alias"],
            ),
        ],
    ),
    # ---- paths ----
    Case(
        "ignored elements that were added or removed are told, and the rest goes on",
        [
            Play(program=ignoring("list[1]", {"list": [1, 2]})),
            Play(program=ignoring("list[1]", {"list": [3]}), ops={"a": ["update"]}),
            Play(
                program=ignoring('tags["a.b"]', {"list": [3], "tags": {"a.b": 1}}),
                state={"a": {"inputs": {"list": [3], "tags": {}}}},
            ),
            Play(program=[Thing("a", {"list": [{"k": 1}, {"k": 2}]})]),
            Play(
                program=ignoring("list[*].k", {"list": [{"k": 3, "l": 1}, {"k": 4}]}),
                state={"a": {"inputs": {"list": [{"k": 1, "l": 1}, {"k": 2}]}}},
            ),
            Play(program=ignoring("not[a", {"list": []}), ops={"a": ["update"]}),
        ],
    ),
    Case(
        "a resource that never became ready is replaced if the program says so",
        [
            Play(
                program=[Thing("a", {"size": 1}, {"replace_on_changes": ["*"]})],
                behaviour={"create a": Behaviour(not_ready=("no",))},
                fails=["no"],
            ),
            Play(ops={"a": CREATE_FIRST}),
        ],
    ),
    # ---- failures that do not end everything ----
    Case(
        "what does not depend on a failure goes on, if asked to",
        [
            Play(
                program=THREE,
                behaviour={"create a": Behaviour(error="no capacity")},
                options={"continue_on_error": True},
                fails=["no capacity"],
                names=["c"],
            ),
            Play(ops={"a": ["create"], "b": ["create"]}),
            Play(
                do="destroy",
                behaviour={"delete b": Behaviour(error="in use")},
                options={"continue_on_error": True},
                fails=["in use"],
                names=["a", "b"],
            ),
        ],
    ),
    # ---- who takes part ----
    Case(
        "only what is named is changed; the rest keeps its state and comes before its users",
        [
            Play(program=THREE),
            Play(program=CHANGED, options={"targets": frozenset({f"{PREFIX}a"})}, ops={"a": ["update"]}),
            Play(ops={"b": ["update"], "c": ["update"]}),
        ],
    ),
    Case(
        "dependents of what is named take part if asked to",
        [
            Play(program=THREE),
            Play(
                program=CHANGED,
                options={"targets": frozenset({"**::a"}), "target_dependents": True},
                ops={"a": ["update"], "b": ["update"]},
            ),
        ],
    ),
    Case(
        "what takes no part refers to what it needs by its new name",
        [
            Play(program=[Thing("a", {"size": 1}), Thing("b", {"of": Ref("a")})]),
            Play(
                program=[Thing("new", {"size": 1}, {"aliases": [f"{PREFIX}a"]}), Thing("b", {"of": Ref("new")})],
                options={"targets": frozenset({f"{PREFIX}new"})},
                calls=[],
                names=["new", "b"],
                state={"b": {"dependencies": (f"{PREFIX}new",), "property_dependencies": {"of": (f"{PREFIX}new",)}}},
            ),
            Play(calls=[], names=["new", "b"]),
        ],
    ),
    Case(
        "what needs something that is not made is refused",
        [
            Play(program=[], options={"targets": frozenset({f"{PREFIX}b"})}, fails=["could not be found"]),
            Play(program=TWO, options={"targets": frozenset({f"{PREFIX}b"})}, fails=["not specified in --target"]),
            Play(options={"targets": frozenset({f"{PREFIX}a"})}, ops={"a": ["create"]}, names=["a"]),
        ],
    ),
    Case(
        "what is excluded stays as it is, also when everything is destroyed",
        [
            Play(program=THREE),
            Play(
                program=CHANGED,
                options={"excludes": frozenset({f"{PREFIX}a"})},
                ops={"b": ["update"], "c": ["update"]},
            ),
            Play(do="destroy", options={"excludes": frozenset({f"{PREFIX}b"})}, calls=["delete c"], names=["a", "b"]),
        ],
    ),
    Case(
        "a targeted destroy refuses dependents that were not named",
        [
            Play(program=THREE),
            Play(do="destroy", options={"targets": frozenset({f"{PREFIX}a"})}, fails=["not specified"], calls=[]),
            Play(
                do="destroy",
                options={"targets": frozenset({f"{PREFIX}a"}), "target_dependents": True},
                calls=["delete b", "delete a"],
                names=["c"],
            ),
        ],
    ),
    Case(
        "a resource that is to be replaced must be there",
        [
            Play(program=ONE),
            Play(options={"replace": frozenset({f"{PREFIX}nobody"})}, fails=["could not be found"], calls=[]),
            Play(options={"replace": frozenset({"**::a"})}, ops={"a": CREATE_FIRST}),
        ],
    ),
    # ---- the program of a refresh or destroy ----
    Case(
        "a destroy with the program uses its providers and makes nothing",
        [
            Play(program=[Thing("p", {"region": "eu"}, kind="provider"), Thing("a", {"size": 1}, {"provider": "p"})]),
            Play(
                do="destroy",
                program=[
                    Thing("p", {"region": "us"}, kind="provider"),
                    Thing("a", {"size": 2}, {"provider": "p"}),
                    Thing("new", {"of": Ref("a")}, {"provider": "p"}),
                ],
                options={"run_program": True},
                calls=["delete a"],
                names=[],
            ),
        ],
    ),
    Case(
        "a destroy with the program, where nothing is, leaves what the program registers",
        [
            Play(
                do=do,
                program=[Thing("p", {}, kind="provider"), Thing("a", {"size": 1}, {"provider": "p"})],
                options={"run_program": True},
                changes={"create": 2, "same": 1},
                calls=[],
                names=names,
            )
            for do, names in (("preview_destroy", []), ("destroy", ["p"]))
        ],
    ),
    Case(
        "a refresh with the program reads everything once and makes nothing",
        [
            Play(program=TWO),
            Play(
                do="refresh",
                program=[*ONE, Thing("new", {"of": Ref("a")})],
                options={"run_program": True},
                drift={"a-0": {"size": 5}},
                calls=["read a", "read b"],
                state={"a": {"inputs": {"size": 5}}},
                names=["a", "b"],
            ),
        ],
    ),
    Case(
        "a refresh with the program gives what it read the options that the program says now",
        [
            Play(program=ONE, state={"a": {"protect": False, "retain_on_delete": False}}),
            Play(
                do="refresh",
                program=[Thing("a", {"size": 9}, {"protect": True, "retain_on_delete": True})],
                options={"run_program": True},
                calls=["read a"],
                state={"a": {"protect": True, "retain_on_delete": True, "inputs": {"size": 1}}},
            ),
            Play(do="refresh", state={"a": {"protect": True}}),
        ],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_case(case, tmp_path):
    play_case(case, EngineBench(tmp_path))


def test_another_stack_is_read_and_its_secrets_stay_secret(tmp_path):
    bench = EngineBench(tmp_path)
    bench.other_stacks["organization/net/prod"] = {"vpc": "vpc-1", "key": secret("s3cr3t")}
    things = (Thing("net", {"stack": "organization/net/prod"}, kind="stack"), Thing("a", {"of": Ref("net", "outputs")}))
    seen = bench.up(*things)
    assert seen.result.succeeded, seen.errors
    text = bench.backend.checkpoint_path(bench.name).read_text()
    assert "vpc-1" in text
    assert "s3cr3t" not in text
    assert bench.state("net").external
    assert bench.preview(*things).ops["a"] == ["same"]
    missing = bench.up(Thing("net", {"stack": "organization/net/none"}, kind="stack"))
    assert "unknown stack 'organization/net/none'" in missing.errors[0]
