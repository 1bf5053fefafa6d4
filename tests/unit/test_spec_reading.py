"""Reading cell files: every problem at once, at its place, whatever the text; nothing but SpecError ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cellctl.errors import Problem, SpecError
from cellctl.spec import CellSpec, dump, load, loads, located
from cellctl.spec.tree import MAX_BYTES

GOOD = """\
apiVersion: cellctl/v1
kind: Cell
metadata:
  name: acme
spec:
  cloud: aws
  account: sandbox
  region: eu-west-1
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        loads(text, "acme.yaml")
    assert caught.value.exit_code == 2
    for problem in caught.value.problems:
        assert problem.file == "acme.yaml"
        assert problem.line is not None
        assert problem.column is not None
        assert problem.message
        assert "\n" not in problem.message
    return caught.value.problems


def only(text: str) -> Problem:
    (problem,) = problems(text)
    return problem


def with_body(*lines: str) -> str:
    return GOOD + "".join(f"  {line}\n" for line in lines)


def test_every_problem_is_listed_at_once_in_the_order_of_the_file() -> None:
    text = """\
apiVersion: cellctl/v2
kind: Cell
metadata: {name: Acme, ovner: me}
spec:
  cloud: asw
  region: eu-west-1
  nodes: {count: 12, size: medium}
  octopus: {version: 2026.4}
  ingress: {allow: [10.0.0.1/8]}
  network: {cidr: 10.0.0.0/8}
  protection: {deletion: "yes"}
"""
    found = problems(text)
    assert [(problem.line, problem.field) for problem in found] == [
        (1, "apiVersion"),
        (3, "metadata.name"),
        (3, "metadata.ovner"),
        (5, "spec.account"),
        (5, "spec.cloud"),
        (7, "spec.nodes.count"),
        (8, "spec.octopus.version"),
        (9, "spec.ingress.allow[0]"),
        (10, "spec.network.cidr"),
        (11, "spec.protection.deletion"),
    ]


def test_the_place_is_that_of_the_value() -> None:
    problem = only(with_body("nodes:", "  count:   99"))
    assert (problem.line, problem.column) == (10, 14)
    assert str(problem).startswith("acme.yaml:10:14: spec.nodes.count: ")


@pytest.mark.parametrize(
    ("line", "field", "hint"),
    [
        ("nodess: {count: 2}", "spec.nodess", "did you mean nodes?"),
        ("octopus: {task_cap: 3}", "spec.octopus.task_cap", "did you mean taskCap?"),
        ("storage: {sizeGib: 300}", "spec.storage.sizeGib", "did you mean sizeGiB?"),
        ("storage: {size_gib: 300}", "spec.storage.size_gib", "did you mean sizeGiB?"),
        ("storage: {kinds: {tasklogs: {}}}", "spec.storage.kinds.tasklogs", "did you mean taskLogs?"),
        (
            "storage: {kinds: {imports: {x: 1}}}",
            "spec.storage.kinds.imports.x",
            "fields here: storageAccount, tier, share",
        ),
        ("placement: {reeef: r1}", "spec.placement.reeef", "did you mean reef?"),
        (
            "database: {zzz: 1}",
            "spec.database.zzz",
            "fields here: tier, multiZone, retentionDays, geoBackup, longTerm, authentication, passwordTurn, failover, "
            "edition",
        ),
    ],
)
def test_unknown_fields_are_told_with_the_one_that_was_meant(line: str, field: str, hint: str) -> None:
    found = {problem.field: problem for problem in problems(with_body(line))}
    assert found[field].hint == hint
    assert found[field].line == 9


@pytest.mark.parametrize(
    ("line", "words", "hint"),
    [
        ("octopus: {version: 2026.4}", "not the number 2026.4", '"2026.4"'),
        ("octopus: {version: 2026.4.x}", "year.minor.patch", ""),
        ("octopus: {version: '2021.1.7316'}", "older than", ""),
        ("octopus: {taskCap: 1e1}", "whole number", ""),
        ("octopus: {taskCap: 0o12}", "whole number", "plain decimal"),
        ("octopus: {taskCap: 012}", "whole number", "plain decimal"),
        ("octopus: {taskCap: true}", "whole number, not true", ""),
        ("octopus: {taskCap: ten}", "not the text 'ten'", ""),
        ("octopus: {taskCap: 0}", "is 0; it must be 1 or more", ""),
        ("octopus: {taskCap: 31, }", "a medium node carries 30", "size: large"),
        ("protection: {deletion: no}", "true or false", "write true or false"),
        ("protection: {deletion: off}", "true or false", "write true or false"),
        ("protection: {deletion: 0}", "true or false, not the number 0", ""),
        ("nodes: 3", "section of keys and values, not the number 3", ""),
        ("nodes: []", "section of keys and values, not a list", ""),
        ("nodes:", "is empty", "remove the line"),
        ("nodes: {count: 3, roles: [both, both]}", "2 entries for 3 nodes", "roles: [both, both, both]"),
        ("nodes: {roles: both}", "must be a list, not the text 'both'", ""),
        ("nodes: {roles: [ui, ui]}", "no node would run tasks", "worker"),
        ("nodes: {roles: [worker, worker]}", "no node would serve the web", "ui"),
        ("nodes: {roles: [both, bot]}", "must be one of ui, worker, both, not 'bot'", "did you mean both?"),
        ("nodes: {size: Medium}", "must be one of", "did you mean medium?"),
        ("nodes: {count: 1}", "is 1; it must be 2 or more", ""),
        ("placement: shared", "must be dedicated, not 'shared'", ""),
        ("placement: {reef: 3}", "must be a text, not the number 3", '"3"'),
        ("storage: {backend: azure_files}", "azure_files does not exist on aws", "use gateway"),
        ("storage: {backend: fsx, protocol: nfs}", "fsx is mounted with smb", "smb"),
        ("ingress: {allow: []}", "1 entries or more", ""),
        ("ingress: {allow: [0.0.0.0/0]}", "admits everybody", "list the ranges"),
        ("ingress: {allow: [10.0.0.0/8, 10.1.0.0/16]}", "10.1.0.0/16 is already inside 10.0.0.0/8", "remove it"),
        ("ingress: {allow: [10.0.0.0/8, 10.0.0.0/8]}", "already inside", "remove it"),
        ("ingress: {allow: [10.0.0.7/8]}", "the range is 10.0.0.0/8", ""),
        ("ingress: {host: acme}", "DNS name", ""),
        ("ingress: {host: 10.0.0.1}", "not an address", ""),
        ("ingress: {certificate: abc}", "ARN of an ACM certificate in eu-west-1", "arn:aws:acm:eu-west-1"),
        (
            "ingress: {polling: redis}\n  octopus: {version: 2026.4.6908}",
            "redis needs Octopus 2026.4.6909 or newer; this is 2026.4.6908",
            "per_node",
        ),
        ("network: {cidr: 10.64.0.0/28}", "is a /28", ""),
        ("network: {cidr: 10.64.0.1/20}", "the range is 10.64.0.0/20", ""),
        ("network: {cidr: 8.8.0.0/16}", "must lie in one of", ""),
        ("network: {cidr: 10.255.0.0/20}", "overlaps 10.255.0.0/24", ""),
        ("network: {create: false}", "no existing network is named", ""),
        ("network: {create: true, existing: {id: vpc-1, subnets: [a, b]}}", "create is true", "create: false"),
        ("network: {existing: {id: v, subnets: [a, b], databaseSubnets: [c]}}", "needs subnets in two zones", ""),
        ("protection: {key: alias/x}", "ARN of a KMS key in eu-west-1", "arn:aws:kms:eu-west-1"),
        ("network: {create: false, existing: {id: vpc-1, subnets: [a, a]}}", "names a subnet twice", ""),
        ("maintenance: {window: Sunday 2am}", "a day, two times and UTC", ""),
        ("octopus: {licence: {secret: x, nodeLimit: 1}}", "the licence allows 1", "neither creates nor deploys"),
        ("octopus: {licence: abc}", "section of keys and values", ""),
        ("octopus: {administrator: {email: nobody}}", "email address", ""),
    ],
)
def test_wrong_values_are_told_in_words(line: str, words: str, hint: str) -> None:
    problem = only(with_body(line))
    assert words in problem.message
    assert hint in problem.hint


def test_rules_between_fields_are_checked_beside_wrong_types() -> None:
    found = problems(with_body("nodes: {count: 3, roles: [both, both]}", "protection: {deletion: 7}"))
    assert {problem.field for problem in found} == {"spec.nodes.roles", "spec.protection.deletion"}


def test_a_public_cell_needs_a_public_name_and_somebody_who_may_come() -> None:
    found = problems(with_body("ingress: {exposure: public}"))
    assert {problem.field for problem in found} == {"spec.ingress.host", "spec.ingress.allow"}
    loads(with_body("ingress: {exposure: public, host: acme.example.com, allow: [8.8.8.0/24]}"))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "the file is empty"),
        ("# nothing\n", 1, "the file is empty"),
        ("---\n", 2, "the file is empty"),
        ("- a\n- b\n", 1, "section of keys and values"),
        ("just words\n", 1, "section of keys and values"),
        (GOOD + "\tx: 1\n", 9, "a tab is not allowed"),
        ("a:\n  b: 1\n\tc: 2\n", 3, "a tab is not allowed"),
        (GOOD + "  cloud: azure\n", 9, "'cloud' is here twice; the first is in line 6"),
        (GOOD + "---\nkind: Cell\n", 9, "a second document begins here"),
        (GOOD + "  octopus: !!python/object/apply:os.system ['id']\n", 9, "tags (!!python/object/apply:os.system)"),
        (GOOD + "  octopus: &a {taskCap: 2}\n", 9, "anchors (&a)"),
        ("a: &a [1]\nb: *a\n", 2, "aliases (*a)"),
        (GOOD + "  <<: {taskCap: 2}\n", 9, "merge keys"),
        (GOOD + "  ? [a, b]\n  : c\n", 9, "a key must be a single word"),
        (GOOD + "  nodes: {count: 2\n", 10, "not valid YAML"),
        (GOOD + "  nodes: 'open\n", 10, "not valid YAML"),
        (GOOD + "  x: \x07\n", 9, "U+0007"),
        (GOOD + '  x: "\\ud83d"\n', 9, "half a character"),
    ],
)
def test_bad_form_is_told_with_its_line(text: str, line: int, words: str) -> None:
    found = problems(text)
    assert any(words in problem.message and problem.line == line for problem in found), found


@pytest.mark.parametrize("value", ["no", "Yes", "on", "017", "0x1F", "1_000", "+1", "12:30"])
def test_plain_words_that_readers_take_differently_must_be_quoted(value: str) -> None:
    text = GOOD.replace("name: acme", f"name: acme\n  owner: {value}")
    problem = only(text)
    assert problem.field == "metadata.owner"
    assert f'"{value}"' in problem.hint
    assert loads(GOOD.replace("name: acme", f"name: acme\n  owner: '{value}'")).metadata.owner == value


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began = time.monotonic()
    found = problems("\n".join(lines))
    assert time.monotonic() - began < 2
    assert len(found) <= 100


@pytest.mark.parametrize(
    "text", ["[" * 30_000, "{a: " * 10_000, "- " * 20_000, "\n".join(" " * n + "a:" for n in range(300))]
)
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    began = time.monotonic()
    found = problems(text)
    assert time.monotonic() - began < 5
    assert any("nested more than" in problem.message for problem in found)


def test_files_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path, words in [
        (tmp_path, "is a folder"),
        (tmp_path / "absent.yaml", "no such file"),
        (tmp_path / "absent" / "x.yaml", "no such file"),
        (tmp_path / "pipe.yaml", "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
    ]:
        with pytest.raises(SpecError) as caught:
            load(path)
        assert words in str(caught.value)


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 1_000_000, 10_000_000])
def test_large_files_are_refused_without_reading_them(tmp_path: Path, size: int) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(size)
    began = time.monotonic()
    with pytest.raises(SpecError, match="larger than 64 KiB"):
        load(path)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    ("data", "words", "line", "column"),
    [
        (GOOD.encode().replace(b"acme", b"\xe4cme"), "is not UTF-8: byte 0xe4", 4, 9),
        (GOOD.encode("utf-16"), "UTF-16", 1, 1),
        (b"a: \xc3\xa4\xff", "byte 0xff", 1, 5),
    ],
)
def test_other_encodings_are_told(tmp_path: Path, data: bytes, words: str, line: int, column: int) -> None:
    path = tmp_path / "acme.yaml"
    path.write_bytes(data)
    with pytest.raises(SpecError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert words in problem.message
    assert (problem.line, problem.column) == (line, column)


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path) == loads(GOOD)


def test_problems_found_later_get_their_places() -> None:
    text = GOOD.replace("eu-west-1", "eu-west-9")
    error = SpecError([Problem(message="there is no such region", field="spec.region")])
    path = Path("/nowhere/acme.yaml")
    assert located(error, path).problems == error.problems
    assert loads(text).spec.region == "eu-west-9"


def test_problems_found_later_get_their_places_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(GOOD, encoding="utf-8")
    error = SpecError(
        [Problem(message="no zones", field="spec.region"), Problem(message="x", field="spec.nodes.count")]
    )
    first, second = sorted(located(error, path).problems, key=lambda problem: problem.field, reverse=True)
    assert (first.line, first.column, first.file) == (8, 11, str(path))
    assert second.line == 6


def test_a_secret_in_a_wrong_place_is_not_repeated() -> None:
    licence = "<License Signature='" + "s3cr3t" * 30 + "'/>"
    problem = only(with_body(f'octopus: {{licence: "{licence}"}}'))
    assert licence not in str(problem)
    assert len(str(problem)) < 300


yamlish = st.text(st.sampled_from(list("ab:- \n\t{}[]&*!#|>'\"%@`,?01.\\\x00é")), max_size=60)


@given(st.one_of(yamlish, st.text(max_size=80)))
@settings(max_examples=300, deadline=None)
@example("? ")
@example("{{}: }")
@example("%YAML 9.9\n---\na")
@example("a: !<x> b")
@example("a: " + "9" * 5000)
@example("a: .inf\nb: .nan\nc: 1e999")
@example('"\\x00": 1')
def test_no_text_raises_anything_but_spec_error(text: str) -> None:
    problems(text)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_read_or_refused_with_places(data: st.DataObject) -> None:
    text = dump(CellSpec.minimal("acme", cloud="aws", region="eu-west-1"))
    begin = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(begin, min(len(text), begin + 20)))
    damaged = text[:begin] + data.draw(yamlish.filter(lambda part: len(part) < 12)) + text[end:]
    try:
        loads(damaged, "acme.yaml")
    except SpecError:
        problems(damaged)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=10),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
sections = st.sampled_from(
    [
        "metadata",
        "octopus",
        "nodes",
        "database",
        "storage",
        "ingress",
        "network",
        "placement",
        "maintenance",
        "protection",
    ]
)


@given(sections, json_like)
@settings(max_examples=200, deadline=None)
def test_any_value_in_any_section_is_read_or_refused(section: str, value: object) -> None:
    from cellctl.spec.reading import validated

    body: dict[str, object] = {"cloud": "azure", "account": "sandbox", "region": "westeurope", section: value}
    listed: tuple[Problem, ...] = ()
    try:
        assert validated({"metadata": {"name": "acme"}, "spec": body}).metadata.name == "acme"
    except SpecError as error:
        listed = error.problems
    assert all(problem.message and problem.field for problem in listed)
