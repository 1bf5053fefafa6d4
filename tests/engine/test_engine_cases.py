"""What the engine does, case by case: steps, provider calls, checkpoint."""

import pulumi
import pytest

from cellctl_sandbox.engine.core import ConfigValue
from cellctl_sandbox.testing.engine_bench import EngineBench, Hidden, Ref, Thing
from cellctl_sandbox.testing.engine_cases import Case, Play, play_case
from cellctl_sandbox.testing.fake_provider import Behaviour

REPLACE_CREATE_FIRST = ["create-replacement", "replace", "delete-replaced"]
REPLACE_DELETE_FIRST = ["delete-replaced", "replace", "create-replacement"]
CHAIN = [Thing("a", {"size": 1}), Thing("b", {"of": Ref("a")}), Thing("c", {"of": Ref("b")})]
ONE = [Thing("a", {"size": 1})]
TIMEOUTS = pulumi.CustomTimeouts(create="5m", update="1h30m", delete="45s", read="1.5s")


def fixed(value, **options):
    return Thing("a", {"fixed": value}, options)


CASES = [
    # ---- create, update, same, delete ----
    Case(
        "a preview changes nothing",
        [
            Play(
                do="preview", program=CHAIN, ops={"a": ["create"], "b": ["create"], "c": ["create"]}, calls=[], names=[]
            )
        ],
    ),
    Case(
        "a chain is created in order",
        [Play(program=CHAIN, calls=["create a", "create b", "create c"], names=["a", "b", "c"], changes={"create": 4})],
    ),
    Case("the same program again changes nothing", [Play(program=CHAIN), Play(ops={}, calls=[], changes={"same": 4})]),
    Case(
        "an input that changed is updated in place and dependents see the new output",
        [
            Play(program=[Thing("a", {"size": 1}), Thing("b", {"of": Ref("a", "version")})]),
            Play(
                program=[Thing("a", {"size": 2}), Thing("b", {"of": Ref("a", "version")})],
                ops={"a": ["update"], "b": ["update"]},
                calls=["update a", "update b"],
                state={"a": {"outputs": {"size": 2, "arn": "arn:fake:a-0", "version": 2}}, "b": {"inputs": {"of": 2}}},
            ),
        ],
    ),
    Case(
        "what leaves the program goes, last made first",
        [Play(program=CHAIN), Play(program=[], calls=["delete c", "delete b", "delete a"], names=[])],
    ),
    Case(
        "a preview of a removal deletes nothing",
        [
            Play(program=CHAIN),
            Play(do="preview", program=ONE, ops={"c": ["delete"], "b": ["delete"]}, calls=[], names=["a", "b", "c"]),
        ],
    ),
    Case(
        "an empty program is a stack without resources",
        [
            Play(program=[], changes={"create": 1}),
            Play(do="destroy", changes={"delete": 1}),
            Play(do="destroy", changes={}),
        ],
    ),
    Case(
        "a dependency alone is no change, but is recorded",
        [
            Play(program=[Thing("a"), Thing("b")]),
            Play(
                program=[Thing("a"), Thing("b", options={"depends_on": ["a"]})],
                ops={},
                calls=[],
                state={"b": {"dependencies": ("urn:pulumi:dev::bench::fake:index:Thing::a",)}},
            ),
        ],
    ),
    Case(
        "a provider without detail still updates",
        [
            Play(program=ONE),
            Play(
                program=[Thing("a", {"size": 2})],
                behaviour={"diff a": Behaviour(undetailed=True)},
                ops={"a": ["update"]},
            ),
        ],
    ),
    Case(
        "a provider that does not know is decided by inputs",
        [
            Play(program=ONE),
            Play(behaviour={"diff a": Behaviour(unknown=True)}, ops={}),
            Play(
                program=[Thing("a", {"size": 2})], behaviour={"diff a": Behaviour(unknown=True)}, ops={"a": ["update"]}
            ),
        ],
    ),
    Case(
        "defaults of Check are inputs",
        [
            Play(
                program=ONE,
                behaviour={"check a": Behaviour(defaults={"tier": "x"})},
                state={"a": {"inputs": {"tier": "x", "size": 1}}},
            )
        ],
    ),
    # ---- replacement ----
    Case(
        "a replacement creates first and deletes last",
        [
            Play(program=[fixed(1), Thing("b", {"of": Ref("a")})]),
            Play(
                program=[fixed(2), Thing("b", {"of": Ref("a")})],
                ops={"a": REPLACE_CREATE_FIRST, "b": ["update"]},
                calls=["create a", "update b", "delete a"],
                state={"a": {"id": "a-1"}},
                changes={"replace": 1, "update": 1, "same": 1},
            ),
        ],
    ),
    Case(
        "replaced dependents are deleted in reverse",
        [
            Play(program=[fixed(1), Thing("b", {"fixedOf": Ref("a")})]),
            Play(
                program=[fixed(2), Thing("b", {"fixedOf": Ref("a")})],
                ops={"a": REPLACE_CREATE_FIRST, "b": REPLACE_CREATE_FIRST},
                calls=["create a", "create b", "delete b", "delete a"],
                names=["a", "b"],
            ),
        ],
    ),
    Case(
        "the option deletes first, and the dependents that must go with it",
        [
            Play(
                program=[
                    fixed(1, delete_before_replace=True),
                    Thing("b", {"fixedOf": Ref("a")}),
                    Thing("c", {"of": Ref("b")}),
                    Thing("d", {"of": Ref("a")}),
                ]
            ),
            Play(
                program=[
                    fixed(2, delete_before_replace=True),
                    Thing("b", {"fixedOf": Ref("a")}),
                    Thing("c", {"of": Ref("b")}),
                    Thing("d", {"of": Ref("a")}),
                ],
                ops={"a": REPLACE_DELETE_FIRST, "b": REPLACE_DELETE_FIRST, "c": ["update"], "d": ["update"]},
                state={"a": {"id": "a-1"}, "b": {"id": "b-1"}, "c": {"id": "c-0"}},
            ),
            Play(ops={}, calls=[]),
        ],
    ),
    Case(
        "the provider may ask for it",
        [
            Play(program=[fixed(1)]),
            Play(
                program=[fixed(2)],
                behaviour={"diff a": Behaviour(delete_first=True)},
                ops={"a": REPLACE_DELETE_FIRST},
                calls=["delete a", "create a"],
            ),
        ],
    ),
    Case(
        "the option false overrules the provider",
        [
            Play(program=[fixed(1)]),
            Play(
                program=[fixed(2, delete_before_replace=False)],
                behaviour={"diff a": Behaviour(delete_first=True)},
                ops={"a": REPLACE_CREATE_FIRST},
                calls=["create a", "delete a"],
            ),
        ],
    ),
    Case(
        "a new one that cannot be made leaves the old one",
        [
            Play(program=[fixed(1)]),
            Play(
                program=[fixed(2)],
                behaviour={"create a": Behaviour(error="no capacity")},
                fails=["no capacity"],
                state={"a": {"id": "a-0", "inputs": {"fixed": 1}}},
            ),
            Play(calls=["create a", "delete a"], state={"a": {"id": "a-1"}}),
        ],
    ),
    Case(
        "an old one that cannot be deleted is deleted by the next run",
        [
            Play(program=[fixed(1)]),
            Play(
                program=[fixed(2)],
                behaviour={"delete a": Behaviour(error="in use")},
                fails=["in use"],
                names=["a", "a"],
            ),
            Play(calls=["delete a"], ops={"a": ["same", "delete-replaced"]}, names=["a"]),
        ],
    ),
    Case(
        "a replacement whose second half failed is finished by the next run",
        [
            Play(program=[fixed(1, delete_before_replace=True)]),
            Play(
                program=[fixed(2, delete_before_replace=True)],
                behaviour={"create a": Behaviour(error="no capacity")},
                fails=["no capacity"],
                state={"a": {"pending_replacement": True}},
            ),
            Play(
                calls=["create a"],
                ops={"a": ["replace", "create-replacement"]},
                state={"a": {"id": "a-1", "pending_replacement": False}},
            ),
        ],
    ),
    Case(
        "a half replaced resource that leaves the program is only forgotten",
        [
            Play(program=[fixed(1, delete_before_replace=True)]),
            Play(
                program=[fixed(2, delete_before_replace=True)],
                behaviour={"create a": Behaviour(error="no capacity")},
                fails=["no capacity"],
            ),
            Play(program=[], calls=[], ops={"a": ["remove-pending-replace"]}, names=[]),
        ],
    ),
    Case(
        "replaceOnChanges turns an update into a replacement",
        [
            Play(program=[Thing("a", {"size": 1}, {"replace_on_changes": ["size"]})]),
            Play(program=[Thing("a", {"size": 2}, {"replace_on_changes": ["size"]})], ops={"a": REPLACE_CREATE_FIRST}),
            Play(
                program=[Thing("a", {"size": 2, "other": 1}, {"replace_on_changes": ["size"]})], ops={"a": ["update"]}
            ),
            Play(
                program=[Thing("a", {"size": 2, "other": 2}, {"replace_on_changes": ["*"]})],
                ops={"a": REPLACE_CREATE_FIRST},
            ),
        ],
    ),
    Case(
        "a named URN is replaced without any change",
        [
            Play(program=ONE),
            Play(
                options={"replace": frozenset({"urn:pulumi:dev::bench::fake:index:Thing::a"})},
                ops={"a": REPLACE_CREATE_FIRST},
                state={"a": {"id": "a-1"}},
            ),
        ],
    ),
    # ---- failures ----
    Case(
        "a failed create leaves nothing, and the next run makes it",
        [
            Play(
                program=CHAIN,
                behaviour={"create b": Behaviour(error="quota exceeded")},
                fails=["quota exceeded"],
                names=["a"],
                calls=["create a", "create b"],
            ),
            Play(calls=["create b", "create c"], names=["a", "b", "c"]),
        ],
    ),
    Case(
        "a failed update keeps the old state",
        [
            Play(program=ONE),
            Play(
                program=[Thing("a", {"size": 2})],
                behaviour={"update a": Behaviour(error="conflict")},
                fails=["conflict"],
                state={"a": {"inputs": {"size": 1}}},
            ),
            Play(calls=["update a"], state={"a": {"inputs": {"size": 2}}}),
        ],
    ),
    Case(
        "a failed delete keeps it and what it needs",
        [
            Play(program=CHAIN),
            Play(
                do="destroy",
                behaviour={"delete b": Behaviour(error="in use")},
                fails=["in use"],
                names=["a", "b"],
                calls=["delete c", "delete b"],
            ),
            Play(do="destroy", calls=["delete b", "delete a"], names=[]),
        ],
    ),
    Case(
        "a Check that refuses touches nothing",
        [
            Play(
                program=CHAIN,
                behaviour={"check a": Behaviour(failures=(("size", "too small"), ("", "bad luck")))},
                fails=["too small", "bad luck"],
                calls=[],
                names=[],
            )
        ],
    ),
    Case(
        "an object that is not ready is kept and repaired by an update",
        [
            Play(
                program=CHAIN,
                behaviour={"create a": Behaviour(not_ready=("health check failed", "second"))},
                fails=["health check failed"],
                state={"a": {"id": "a-0", "init_errors": ("health check failed", "second")}},
                names=["a"],
            ),
            Play(ops={"a": ["update"], "b": ["create"], "c": ["create"]}, state={"a": {"init_errors": ()}}),
            Play(ops={}),
        ],
    ),
    Case(
        "an update that is not ready keeps the old inputs, so that it is repeated",
        [
            Play(program=ONE),
            Play(
                program=[Thing("a", {"size": 2})],
                behaviour={"update a": Behaviour(not_ready=("still bad",))},
                fails=["still bad"],
                state={"a": {"inputs": {"size": 1}, "init_errors": ("still bad",)}},
            ),
            Play(ops={"a": ["update"]}, state={"a": {"inputs": {"size": 2}, "init_errors": ()}}),
        ],
    ),
    Case(
        "two resources of one URN are refused",
        [Play(program=[Thing("a"), Thing("a", options={"depends_on": ["a"]})], fails=["Duplicate resource URN"])],
    ),
    Case(
        "a program that raises first changes nothing",
        [Play(program=[Thing("boom", kind="raise")], fails=["boom"], calls=[])],
    ),
    Case(
        "a program that raises late deletes nothing",
        [
            Play(program=[Thing("gone"), Thing("a")]),
            Play(program=[Thing("a"), Thing("boom", kind="raise")], fails=["boom"], calls=[], names=["a", "gone"]),
            Play(program=[Thing("a")], calls=["delete gone"]),
        ],
    ),
    Case(
        "a preview of a failure fails and changes nothing",
        [
            Play(
                do="preview",
                program=ONE,
                behaviour={"check a": Behaviour(error="refused")},
                fails=["refused"],
                names=[],
            )
        ],
    ),
    # ---- options ----
    Case(
        "a protected resource is neither deleted nor replaced, but updated",
        [
            Play(program=[Thing("a", {"fixed": 1}, {"protect": True})]),
            Play(program=[Thing("a", {"fixed": 1, "size": 2}, {"protect": True})], ops={"a": ["update"]}),
            Play(
                program=[Thing("a", {"fixed": 2, "size": 2}, {"protect": True})], fails=["unable to replace"], calls=[]
            ),
            Play(program=[], fails=["cannot be deleted"], calls=[], names=["a"]),
            Play(do="destroy", fails=["cannot be deleted"], calls=[], names=["a"]),
            Play(program=[Thing("a", {"fixed": 1, "size": 2})], ops={}, state={"a": {"protect": False}}),
            Play(do="destroy", calls=["delete a"]),
        ],
    ),
    Case(
        "a preview of a refused replacement shows it and fails",
        [
            Play(program=[fixed(1, protect=True)]),
            Play(
                do="preview",
                program=[fixed(2, protect=True)],
                fails=["unable to replace"],
                ops={"a": REPLACE_CREATE_FIRST},
            ),
        ],
    ),
    Case(
        "taking protection off and replacing is one run",
        [Play(program=[fixed(1, protect=True)]), Play(program=[fixed(2)], ops={"a": REPLACE_CREATE_FIRST})],
    ),
    Case(
        "a protected resource keeps what it needs, and only that",
        [
            Play(program=[*CHAIN, Thing("d"), Thing("p", {"of": Ref("b")}, {"protect": True})]),
            Play(do="destroy", calls=["delete c", "delete d"], fails=["protected"]),
        ],
    ),
    Case(
        "what stands alone goes last, so it stays when a deletion before it fails",
        [
            Play(program=[*CHAIN, Thing("d")]),
            Play(
                do="destroy",
                behaviour={"delete b": Behaviour(error="in use")},
                calls=["delete c", "delete b"],
                fails=["in use"],
            ),
            Play(do="destroy", calls=frozenset(["delete b", "delete a", "delete d"]), names=[]),
        ],
    ),
    Case(
        "a resource that has a new name keeps its old one in the state until it is done",
        [
            Play(program=[Thing("a", {"size": 1}), Thing("b", {"of": Ref("a")}, {"parent": "a"})]),
            Play(
                program=[
                    Thing("z", {"size": 2}, {"aliases": [pulumi.Alias(name="a")]}),
                    Thing("b", {"of": Ref("z")}, {"parent": "z"}),
                ],
                behaviour={"update z": Behaviour(error="in use")},
                fails=["in use"],
                names=["a", "b"],
                state={"b": {"parent": "urn:pulumi:dev::bench::fake:index:Thing::a"}},
            ),
            Play(ops={"z": ["update"]}, names=["z", "b"]),
        ],
    ),
    Case(
        "a refresh that runs the program leaves a state in the order of what needs what",
        [
            Play(
                program=[
                    Thing("a", {"size": 1}),
                    Thing("box", kind="component", options={"parent": "a"}),
                    Thing("g", options={"id": "a-0", "depends_on": ["a"]}),
                ]
            ),
            Play(do="refresh", options={"run_program": True}, names=["a", "box", "g"]),
            Play(ops={"g": ["read"]}),
        ],
    ),
    Case(
        "exclude_protected destroys the rest",
        [
            Play(
                program=[
                    Thing("a"),
                    Thing("b", {"of": Ref("a")}, {"protect": True}),
                    Thing("c", {"of": Ref("b")}),
                    Thing("d"),
                ]
            ),
            Play(
                do="destroy",
                options={"exclude_protected": True},
                calls=frozenset({"delete c", "delete d"}),
                names=["a", "b"],
            ),
        ],
    ),
    Case(
        "retainOnDelete forgets and keeps",
        [
            Play(program=[fixed(1, retain_on_delete=True), Thing("b", options={"retain_on_delete": True})]),
            Play(program=[fixed(2, retain_on_delete=True)], calls=["create a"], names=["a"]),
            Play(do="destroy", calls=[], names=[]),
        ],
    ),
    Case(
        "deletedWith spares what goes with its holder, and only then",
        [
            Play(
                program=[
                    Thing("host"),
                    Thing("a", options={"deleted_with": "host"}),
                    Thing("b", options={"deleted_with": "host"}),
                ]
            ),
            Play(program=[Thing("host"), Thing("a", options={"deleted_with": "host"})], calls=["delete b"]),
            Play(do="destroy", calls=["delete host"], names=[]),
        ],
    ),
    Case(
        "ignoreChanges keeps the old value, at a path too",
        [
            Play(
                program=[Thing("a", {"size": 1, "tags": {"x": "1", "y": "1"}}, {"ignore_changes": ["size", "tags.x"]})]
            ),
            Play(
                program=[Thing("a", {"size": 2, "tags": {"x": "2", "y": "1"}}, {"ignore_changes": ["size", "tags.x"]})],
                ops={},
            ),
            Play(
                program=[Thing("a", {"size": 3, "tags": {"x": "3", "y": "3"}}, {"ignore_changes": ["size", "tags.x"]})],
                ops={"a": ["update"]},
                state={"a": {"inputs": {"size": 1, "tags": {"x": "1", "y": "3"}}}},
            ),
        ],
    ),
    Case(
        "ignoreChanges through something that is gone ignores nothing",
        [
            Play(program=[Thing("a", {"tags": {"x": {"z": 1}}}, {"ignore_changes": ["tags.x.z"]})]),
            Play(
                program=[Thing("a", {"tags": {"y": 1}}, {"ignore_changes": ["tags.x.z"]})],
                ops={"a": ["update"]},
                state={"a": {"inputs": {"tags": {"y": 1}}}},
            ),
        ],
    ),
    Case(
        "customTimeouts are kept in seconds, and one that is none is refused",
        [
            Play(
                program=[Thing("a", {}, {"custom_timeouts": TIMEOUTS})],
                state={"a": {"custom_timeouts": {"create": 300, "update": 5400, "delete": 45, "read": 1.5}}},
            ),
            Play(
                program=[Thing("a", {}, {"custom_timeouts": pulumi.CustomTimeouts(update="soon")})],
                fails=["unable to parse customTimeout Value soon"],
                names=["a"],
            ),
        ],
    ),
    # ---- names ----
    Case(
        "a rename with an alias is no change",
        [
            Play(program=[Thing("old", {"size": 1}), Thing("user", {"of": Ref("old")})]),
            Play(
                program=[
                    Thing("new", {"size": 1}, {"aliases": [pulumi.Alias(name="old")]}),
                    Thing("user", {"of": Ref("new")}),
                ],
                ops={},
                calls=[],
                state={"new": {"id": "old-0"}},
                names=["new", "user"],
            ),
            Play(program=[Thing("new", {"size": 2}), Thing("user", {"of": Ref("new")})], ops={"new": ["update"]}),
        ],
    ),
    Case(
        "a rename without an alias is delete and create",
        [Play(program=[Thing("old")]), Play(program=[Thing("new")], calls=["create new", "delete old"])],
    ),
    Case(
        "children of a renamed component keep their objects",
        [
            Play(
                program=[
                    Thing("box", kind="component", type="fake:index:Box"),
                    Thing("box-a", options={"parent": "box"}),
                ]
            ),
            Play(
                program=[
                    Thing(
                        "bag", kind="component", type="fake:index:Box", options={"aliases": [pulumi.Alias(name="box")]}
                    ),
                    Thing("bag-a", options={"parent": "bag"}),
                ],
                ops={},
                calls=[],
                state={"bag-a": {"id": "box-a-0"}},
            ),
        ],
    ),
    Case(
        "a resource moved under a component keeps its object with an alias",
        [
            Play(program=[Thing("a")]),
            Play(
                program=[
                    Thing("box", kind="component", type="fake:index:Box"),
                    Thing("a", options={"parent": "box", "aliases": [pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]}),
                ],
                ops={"box": ["create"]},
                calls=[],
            ),
        ],
    ),
    Case(
        "a rename half done by a failing run keeps references sound",
        [
            Play(program=[Thing("old"), Thing("user", {"of": Ref("old")})]),
            Play(
                program=[
                    Thing("new", options={"aliases": [pulumi.Alias(name="old")]}),
                    Thing("bad", {"of": Ref("new")}),
                ],
                behaviour={"create bad": Behaviour(error="quota")},
                fails=["quota"],
                names=["new", "user"],
            ),
        ],
    ),
    # ---- components and outputs ----
    Case(
        "a component holds its children and its outputs",
        [
            Play(
                program=[
                    Thing("box", kind="component", type="fake:index:Box", outputs={"n": 1}),
                    Thing("x", options={"parent": "box"}),
                ],
                state={
                    "box": {"outputs": {"n": 1}, "custom": False},
                    "x": {"parent": "urn:pulumi:dev::bench::fake:index:Box::box"},
                },
            ),
            Play(do="destroy", calls=["delete x"], names=[]),
        ],
    ),
    Case(
        "stack outputs appear, change and vanish",
        [
            Play(program=ONE, outputs={"n": 1, "arn": Ref("a")}, stack_outputs={"n": 1, "arn": "arn:fake:a-0"}),
            Play(outputs={"n": 2}, stack_outputs={"n": 2}),
            Play(outputs={}, stack_outputs={}),
        ],
    ),
    Case(
        "a failed run keeps old outputs that it did not reach",
        [
            Play(program=ONE, outputs={"n": 1, "kept": "x"}),
            Play(
                program=[Thing("a", {"size": 2})],
                outputs={"n": 2},
                behaviour={"update a": Behaviour(error="conflict")},
                fails=["conflict"],
                stack_outputs={"n": 2, "kept": "x"},
            ),
        ],
    ),
    Case(
        "unknown values reach Check and Create in a preview",
        [
            Play(
                do="preview",
                program=[Thing("a"), Thing("b", {"l": ["k", Ref("a")]})],
                ops={"a": ["create"], "b": ["create"]},
            )
        ],
    ),
    # ---- providers ----
    Case(
        "the default provider takes the configuration of its package",
        [
            Play(
                config={"fake:region": ConfigValue(value="eu")},
                program=ONE,
                state={"a": {"outputs": {"size": 1, "region": "eu", "arn": "arn:fake:a-0", "version": 1}}},
            ),
            Play(config={"fake:region": ConfigValue(value="us")}, ops={}, calls=[]),
        ],
    ),
    Case(
        "an explicit provider serves its resources",
        [
            Play(
                program=[Thing("p", {"region": "eu"}, kind="provider"), Thing("a", {}, {"provider": "p"})],
                ops={"p": ["create"], "a": ["create"]},
                state={"a": {"outputs": {"region": "eu", "arn": "arn:fake:a-0", "version": 1}}},
            ),
            Play(do="destroy", ops={"a": ["delete"], "p": ["delete"]}, calls=["delete a"], names=[]),
        ],
    ),
    Case(
        "a provider updated in place leaves its resources",
        [
            Play(program=[Thing("p", {"region": "eu"}, kind="provider"), Thing("a", {}, {"provider": "p"})]),
            Play(
                program=[Thing("p", {"region": "us"}, kind="provider"), Thing("a", {}, {"provider": "p"})],
                ops={"p": ["update"]},
                calls=[],
            ),
        ],
    ),
    Case(
        "a replaced provider replaces its resources",
        [
            Play(program=[Thing("p", {"account": "1"}, kind="provider"), Thing("a", {}, {"provider": "p"})]),
            Play(
                program=[Thing("p", {"account": "2"}, kind="provider"), Thing("a", {}, {"provider": "p"})],
                ops={"p": REPLACE_CREATE_FIRST, "a": REPLACE_CREATE_FIRST},
                calls=["create a", "delete a"],
                names=["p", "a"],
            ),
        ],
    ),
    Case(
        "what a removed provider served is deleted with its old configuration",
        [
            Play(program=[Thing("p", {"region": "eu"}, kind="provider"), Thing("a", {}, {"provider": "p"})]),
            Play(program=[], ops={"a": ["delete"], "p": ["delete"]}, calls=["delete a"], names=[]),
        ],
    ),
    Case(
        "a provider that refuses its configuration stops its resources",
        [
            Play(
                program=[Thing("p", {"region": "eu"}, kind="provider"), Thing("a", {}, {"provider": "p"})],
                behaviour={"configure p": Behaviour(error="credentials rejected")},
                fails=["credentials rejected"],
                calls=[],
                names=["p"],
            ),
        ],
    ),
    Case(
        "disabled default providers are refused by name",
        [
            Play(
                config={"pulumi:disable-default-providers": ConfigValue(value='["*"]')},
                program=ONE,
                fails=["Default provider for 'fake' disabled"],
                calls=[],
            ),
            Play(do="refresh", program=ONE, options={"run_program": True}, ops={"a": ["same"]}, calls=[], names=[]),
        ],
    ),
    Case(
        "a child of what a refresh finds gone has no parent",
        [
            Play(program=[*ONE, Thing("b", options={"parent": "a"}), Thing("c", options={"parent": "b"})]),
            Play(do="refresh", drift={"b-0": None}, names=["a", "c"], state={"c": {"parent": ""}}),
        ],
    ),
    Case(
        "a package that is not there is refused by name",
        [Play(program=[Thing("a", type="other:index:Thing")], fails=["pulumi-resource-other"], calls=[])],
    ),
    Case(
        "a version that is not there is refused by number",
        [Play(program=[Thing("a", {}, {"version": "2.0.0"})], fails=["v2.0.0"], calls=[])],
    ),
    # ---- secrets ----
    Case(
        "a secret input makes the output of that name secret",
        [Play(program=[Thing("a", {"pw": Hidden("x")})], outputs={"pw": Ref("a", "arn")}, ops={"a": ["create"]})],
    ),
    Case(
        "a value that only becomes secret is no change",
        [Play(program=[Thing("a", {"pw": "v"})]), Play(program=[Thing("a", {"pw": Hidden("v")})], ops={}, calls=[])],
    ),
    # ---- refresh ----
    Case(
        "refresh takes over what is there, and up puts it back",
        [
            Play(program=ONE),
            Play(
                do="preview_refresh",
                drift={"a-0": {"size": 5}},
                state={"a": {"inputs": {"size": 1}}},
                changes={"same": 1, "update": 1},
            ),
            Play(
                do="refresh", calls=["read a"], state={"a": {"inputs": {"size": 5}}}, changes={"same": 1, "update": 1}
            ),
            Play(ops={"a": ["update"]}, state={"a": {"inputs": {"size": 1}}}),
        ],
    ),
    Case(
        "refresh drops what is gone, and up makes it again",
        [
            Play(program=[Thing("a"), Thing("b", {}, {"depends_on": ["a"]})]),
            Play(do="refresh", drift={"a-0": None}, names=["b"], changes={"same": 2, "delete": 1}),
            Play(ops={"a": ["create"]}, state={"a": {"id": "a-1"}}),
        ],
    ),
    Case(
        "up with refresh reads first",
        [
            Play(program=ONE),
            Play(
                options={"refresh": True},
                drift={"a-0": {"size": 5}},
                ops={"a": ["refresh", "update"]},
                calls=["read a", "update a"],
                changes={"same": 1, "update": 1},
                state={"a": {"inputs": {"size": 1}}},
            ),
        ],
    ),
    Case(
        "refresh of one target reads only that",
        [
            Play(program=[Thing("a"), Thing("b")]),
            Play(
                do="refresh",
                options={"targets": frozenset({"urn:pulumi:dev::bench::fake:index:Thing::a"})},
                calls=["read a"],
            ),
        ],
    ),
    Case(
        "an object that cannot be read fails refresh and stays",
        [
            Play(program=ONE),
            Play(
                do="refresh", behaviour={"read a": Behaviour(error="unreachable")}, fails=["unreachable"], names=["a"]
            ),
        ],
    ),
    # ---- read and import ----
    Case(
        "import adopts an object and then owns it",
        [
            Play(program=ONE),
            Play(
                program=[Thing("b", {"size": 1}, {"import_": "a-0", "aliases": []}), *ONE],
                ops={"b": ["import"]},
                calls=["read b"],
                state={"b": {"id": "a-0", "import_id": "a-0"}},
            ),
            Play(program=[Thing("b", {"size": 1}), *ONE], ops={}, calls=[], state={"b": {"import_id": ""}}),
        ],
    ),
    Case(
        "an imported object is brought to what the program says",
        [
            Play(program=ONE),
            Play(
                do="preview",
                program=[Thing("b", {"size": 9}, {"import_": "a-0"}), *ONE],
                ops={"b": ["import", "update"]},
                calls=["read b"],
                names=["a"],
            ),
            Play(ops={"b": ["import", "update"]}, calls=["read b", "update b"], state={"b": {"inputs": {"size": 9}}}),
        ],
    ),
    Case(
        "an imported object that would have to be replaced is taken and left alone",
        [
            Play(program=[fixed(1)]),
            Play(
                program=[Thing("b", {"fixed": 2}, {"import_": "a-0"}), fixed(1)],
                fails=["may not be replaced"],
                state={"b": {"id": "a-0", "inputs": {"fixed": 1}}},
            ),
            Play(program=[Thing("b", {"fixed": 1}, {"import_": "a-0"}), fixed(1)], ops={}, calls=[]),
        ],
    ),
    Case(
        "a provider whose configuration is not known yet is not asked in a preview",
        [
            Play(
                do="preview",
                program=[
                    Thing("a"),
                    Thing("p", {"region": Ref("a")}, kind="provider"),
                    Thing("b", {}, {"provider": "p"}),
                ],
                behaviour={"check b": Behaviour(error="must not be asked")},
                ops={"a": ["create"], "p": ["create"], "b": ["create"]},
            ),
            Play(do="up", state={"b": {"outputs": {"region": "arn:fake:a-0", "arn": "arn:fake:b-0", "version": 1}}}),
        ],
    ),
    Case(
        "an object read by its id is kept as external, read again, and only forgotten",
        [
            Play(program=ONE),
            Play(
                program=[*ONE, Thing("seen", {}, {"id": "a-0"})],
                ops={"seen": ["read"]},
                calls=["read seen"],
                state={"seen": {"external": True, "id": "a-0", "inputs": {}}},
            ),
            Play(calls=["read seen"]),
            Play(program=ONE, ops={"seen": ["discard"]}, calls=[], names=["a"]),
            Play(program=[*ONE, Thing("seen", {}, {"id": "nobody"})], fails=["does not exist"]),
        ],
    ),
    Case(
        "destroy with refresh forgets what is gone",
        [
            Play(program=ONE),
            Play(do="destroy", options={"refresh": True}, drift={"a-0": None}, calls=["read a"], names=[]),
        ],
    ),
    Case(
        "import of nothing is refused",
        [Play(program=[Thing("b", {"size": 9}, {"import_": "nobody"})], fails=["does not exist"], names=[])],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_case(case, tmp_path):
    play_case(case, EngineBench(tmp_path))


def test_there_are_as_many_cases_as_promised():
    assert len(CASES) >= 60
