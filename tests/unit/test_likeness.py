"""The semantic hash: equal for the same change to another cell, different for any change that means something."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellctl.likeness import WORDS
from cellctl.plan import Change, Diagnostic, Plan, PropertyChange
from cellctl.views.plan_json import plan_json

NAMES = st.from_regex(r"\A[a-z][a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}\Z").filter(
    lambda name: not any(part in WORDS for part in (name, *name.split("-"))) and name not in TEMPLATE
)
TEMPLATE = {
    "urn",
    "pulumi",
    "rds",
    "instance",
    "packages",
    "class",
    "g1",
    "changed",
    "other",
    "db",
    "subnet",
    "tags",
    "at",
    "since",
    "until",
    "restoretime",
    "creationdate",
    "certificatebody",
    "rootcertificate",
    "list",
    "bucket",
    "engine",
    "of",
    "m6i",
    "s3",
    "ec2",
    "masterpassword",
    "subnetid",
    "instanceclass",
    "account",
    "replace",
    "update",
    "create",
    "add",
    "up",
    "still",
    "slow",
    "eu",
    "west",
}  # a cell of such a name stands beside the same word of the template: in doubt two plans differ
TIME_A, TIME_B, TIME_C = (f"2026-11-2{day}T10:00:00Z" for day in (1, 2, 3))
SUBNETS = st.lists(st.from_regex(r"\A[0-9a-f]{17}\Z"), min_size=2, max_size=2, unique=True)
TIMES = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)).map(
    lambda moment: f"{moment.isoformat(timespec='seconds')}Z"
)
DIGESTS = st.from_regex(r"\A[a-z2-7]{11}[2-7]\Z")


def urn(cell: str, type_: str, name: str) -> str:
    return f"urn:pulumi:cell-{cell}::octopus-cells::cells:aws:Cell${type_}::{name}"


def certificate(drawn: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{drawn}\n-----END CERTIFICATE-----\n"


def plan(
    cell: str, subnets: list[str], drawn: str, *, region: str = "eu-west-1", made: str = "2026-11-28T10:00:00Z"
) -> Plan:
    """Return one change as it reads in the cell `cell`; `made` is when the cloud made something."""
    low = cell.replace("-", "_")
    rows = [
        ("aws:rds/instance:Instance", f"cell-{cell}-sql", "replace", True, [
            PropertyChange(path="restoreTime", before=TIME_A, after=TIME_B, kind="update"),
            PropertyChange(path="rootCertificate", before=certificate("A"), after=certificate("B"), kind="update"),
            PropertyChange(path="instanceClass", before="db.m6i.large", after="db.m6i.xlarge", kind="update"),
            PropertyChange(path="engine", before="a", after="b", kind="update", replaces=True),
            PropertyChange(path="masterPassword", before="[secret]", after="[secret]", kind="update"),
            PropertyChange(path="subnetId", before=f"subnet-{subnets[0]}", after=f"subnet-{subnets[1]}", kind="update"),
        ]),
        ("aws:s3/bucket:Bucket", f"cell-{cell}-packages", "update", True, [
            PropertyChange(path="tags", before={"cell": cell}, after={"cell": cell, "at": "x"}, kind="update"),
            PropertyChange(path=f'list["{cell}"]', before=None, after=[f"octo_{low}_g1", 1, True], kind="add"),
            PropertyChange(path="bucket", before=None, after=f"cell-{cell}-packages-{drawn}", kind="add"),
            PropertyChange(path="since", before=None, after="2026-11-28T10:00:00Z", kind="add"),
            PropertyChange(path="of[0].creationDate", before=None, after=made, kind="add"),
            PropertyChange(path="certificateBody", before=None, after=certificate(drawn), kind="add"),
            PropertyChange(path="tags.at", before=None, after={"createdAt": made, "until": "2027-01-01T00:00:00Z"},
                           kind="add"),
        ]),
        ("aws:ec2/subnet:Subnet", f"{cell}-1", "create", False, [
            PropertyChange(path="id", before=None, after={"of": f"subnet-{subnets[0]}", "region": region}, kind="add"),
        ]),
    ]  # fmt: skip
    changes = [
        Change(urn=urn(cell, type_, name), type=type_, name=name, action=action, stateful=data, diff=tuple(diff))  # type: ignore[arg-type]
        for type_, name, action, data, diff in rows
    ]
    return Plan(cell=cell, cloud="aws", account=f"account-of-{cell}", operation="up", changes=tuple(changes))


def shuffled(value: object, seed: random.Random) -> object:
    if isinstance(value, dict):
        items = list(value.items())
        seed.shuffle(items)
        return {key: shuffled(item, seed) for key, item in items}
    return value


def noisy(made: Plan, seed: random.Random) -> Plan:
    """Return the same plan in another order, with all that does not count different."""
    changes = []
    for change in made.changes:
        diff = [
            replace(item, before=shuffled(item.before, seed), after=shuffled(item.after, seed)) for item in change.diff
        ]
        seed.shuffle(diff)
        changes.append(replace(change, diff=tuple(diff), expected_s=seed.random(), parent="elsewhere"))
    changes.append(Change(urn="urn:pulumi:s::p::t::still", type="t", name="still", action="same"))
    seed.shuffle(changes)
    said = (Diagnostic(severity="warning", message="slow"),)
    return replace(
        made, changes=tuple(changes), diagnostics=said, hash="h", spec_digest="s", checkpoint_digest="c",
        versions={"cellctl": "9"}, account="another",
    )  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(names=st.tuples(NAMES, NAMES), ids=st.tuples(SUBNETS, SUBNETS), drawn=st.tuples(DIGESTS, DIGESTS),
       made=st.tuples(TIMES, TIMES), seed=st.randoms())  # fmt: skip
def test_the_same_change_to_another_cell_is_equal(names, ids, drawn, made, seed) -> None:
    first, second = (plan(names[at], ids[at], drawn[at], made=made[at]) for at in (0, 1))
    assert first.semantic_hash == noisy(second, seed).semantic_hash
    assert plan_json(first)["semantic_hash"] == first.semantic_hash


def valued(path: str, side: str, value: object):
    """Return what sets one side of a property of a change; of a change without it another is made one."""

    def change_to(change: Change) -> Change:
        found = [item for item in change.diff if item.path == path]
        new = replace(found[0] if found else change.diff[0], path=path, **{side: value})
        return replace(change, diff=(*(item for item in change.diff if item.path != path), new))

    return change_to


MUTATIONS = {
    "other time": valued("restoreTime", "after", TIME_C),
    "no other time": valued("restoreTime", "after", TIME_A),
    "time from": valued("restoreTime", "before", TIME_C),
    "time inside": valued("tags.at", "after", {"createdAt": TIME_A, "until": TIME_B}),
    "from a time on": valued("since", "after", TIME_C),
    "other certificate": valued("rootCertificate", "after", certificate("C")),
    "no other certificate": valued("rootCertificate", "after", certificate("A")),
    "action": lambda c: replace(c, action="delete"),
    "type": lambda c: replace(c, type=f"{c.type}x"),
    "name": lambda c: replace(c, name=f"{c.name}-other", urn=f"{c.urn}-other"),
    "data": lambda c: replace(c, stateful=not c.stateful),
    "blocked": lambda c: replace(c, blocked_by="protect"),
    "component": lambda c: replace(c, custom=False),
    "keys": lambda c: replace(c, replace_keys=("engine",)),
    "fewer": lambda c: replace(c, diff=c.diff[1:]),
    "path": lambda c: replace(c, diff=(replace(c.diff[0], path="changed"), *c.diff[1:])),
    "before": lambda c: replace(c, diff=(replace(c.diff[0], before="changed"), *c.diff[1:])),
    "after": lambda c: replace(c, diff=(replace(c.diff[0], after="changed"), *c.diff[1:])),
    "replaces": lambda c: replace(c, diff=(replace(c.diff[0], replaces=not c.diff[0].replaces), *c.diff[1:])),
    "kind": lambda c: replace(c, diff=(replace(c.diff[0], kind="delete"), *c.diff[1:])),
}


@settings(max_examples=50, deadline=None)
@given(one=NAMES, two=NAMES, which=st.integers(0, 2), how=st.sampled_from(sorted(MUTATIONS)), ids=SUBNETS)
def test_any_change_that_means_something_is_another(one, two, which, how, ids) -> None:
    first, second = plan(one, ids, "a" * 11 + "2"), plan(two, ids, "b" * 11 + "2")
    changes = list(second.changes)
    changes[which] = MUTATIONS[how](changes[which])
    assert first.semantic_hash != replace(second, changes=tuple(changes)).semantic_hash


@pytest.mark.parametrize(
    "changed",
    [
        lambda made: replace(made, changes=made.changes[1:]),
        lambda made: replace(made, cloud="azure"),
        lambda made: replace(made, operation="down"),
        lambda made: replace(made, errored=True),
        lambda made: replace(made, complete=False),
    ],
)
def test_what_a_plan_is_counts(changed) -> None:
    made = plan("acme", ["0" * 17, "1" * 17], "a" * 11 + "2")
    assert made.semantic_hash != changed(made).semantic_hash


def test_an_id_that_stays_is_not_an_id_that_changes() -> None:
    moves, stays = plan("acme", ["0" * 17, "1" * 17], "2" * 12), plan("acme", ["0" * 17, "0" * 17], "2" * 12)
    assert moves.semantic_hash != stays.semantic_hash


@pytest.mark.parametrize(
    ("path", "values"),
    [("creationDate", (TIME_A, TIME_B, TIME_C)), ("certificateBody", tuple(map(certificate, "ABC")))],
)
def test_noise_that_stays_is_not_noise_that_changes(path: str, values: tuple[str, str, str]) -> None:
    one, two, three = values
    assert sized("acme", one, two, path) == sized("acme", one, three, path) == sized("acme", two, one, path)
    assert sized("acme", one, two, path) != sized("acme", one, one, path)


def sized(cell: str, before: str, after: str, path: str = "class") -> str:
    item = PropertyChange(path=path, before=before, after=after, kind="update")
    change = Change(urn=urn(cell, "t", "sql"), type="t", name="sql", action="update", diff=(item,))
    return Plan(cell=cell, cloud="aws", account="a", operation="up", changes=(change,)).semantic_hash


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("standard", "standard", "x"), ("gold", "gold", "x")),  # a tier, not the cell's name
        (("m6i", "db.m6i.large", "db.c5.large"), ("m7i", "db.m7i.large", "db.c5.large")),
        (("acme", "ami-0123456789abcdef0", "ami-1123456789abcdef0"), ("acme", "ami-0123456789abcdef0", "ami-2")),
        (("acme", "acme-availability", "x"), ("acme", "acme-subscription", "x")),
    ],
)
def test_a_value_that_looks_like_the_name_still_counts(one, two) -> None:
    assert sized(*one) != sized(*two)
