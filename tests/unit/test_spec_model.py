"""CellSpec: presets, defaults, freezing, schema, and what is written can be read again."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cellctl.errors import NotYet, SpecError
from cellctl.spec import CellSpec, dump, loads, not_yet, refuse_pending
from cellctl.spec.reading import validated
from cellctl.spec.reference import SAFE, cell_file_reference, paths
from cellctl.spec.schema import SCHEMAS, cell_schema, schema_text
from cellctl.units import check_name, check_window

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1"}

names = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,8}){0,2}[a-z]", fullmatch=True).filter(
    lambda name: (
        2 <= len(name) <= 32 and name not in ("all", "any", "none", "sandbox", "home", "con", "prn", "aux", "nul")
    )
)
plain = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=40)


@st.composite
def specs(draw: st.DrawFn) -> CellSpec:
    """Return valid specs with a good part of their fields said."""
    cloud = draw(st.sampled_from(["aws", "azure"]))
    count = draw(st.integers(2, 8))
    size, most = draw(st.sampled_from([("small", 10), ("medium", 30), ("large", 40)]))
    middle = [draw(st.sampled_from(["ui", "worker", "both"])) for _ in range(count - 1)]
    labels = st.dictionaries(st.from_regex(r"x[a-z0-9_.-]{0,20}", fullmatch=True), plain, max_size=4)
    return validated(
        {
            "metadata": {"name": draw(names), "owner": draw(plain), "labels": draw(labels)},
            "spec": {
                "cloud": cloud,
                "account": draw(names),
                "region": draw(st.sampled_from(["eu-west-1", "westeurope", "no", "1e3", "0x1"])),
                "preset": draw(st.sampled_from(["trial", "standard", "gold"])),
                "octopus": {"taskCap": draw(st.integers(1, most))},
                "nodes": {"count": count, "size": size, "roles": ["both", *middle]},
                "database": {"retentionDays": draw(st.integers(1, 35)), "geoBackup": draw(st.booleans())},
                "storage": {"sizeGiB": draw(st.integers(100, 102_400))},
                "ingress": {"allow": [f"10.{draw(st.integers(0, 255))}.0.0/16", "192.0.2.1/32"]},
                "network": {"cidr": f"172.{draw(st.integers(16, 31))}.0.0/{draw(st.integers(16, 24))}"},
                "protection": {"deletion": draw(st.booleans())},
            },
        }
    )


@given(specs())
@settings(max_examples=60, deadline=None)
def test_what_is_written_reads_as_the_same_spec(spec: CellSpec) -> None:
    text = dump(spec)
    assert loads(text) == spec
    assert loads(text).digest() == spec.digest()
    assert validated(spec.to_json()) == spec
    assert dump(loads(text)) == text


def test_four_values_are_enough_and_every_default_is_safe() -> None:
    spec = CellSpec.minimal("acme", cloud="aws", region="eu-west-1")
    body = spec.spec
    assert body.account == "sandbox"
    assert body.nodes.count >= 2
    assert body.nodes.roles == ("both", "both")
    assert body.database.multi_zone
    assert body.database.retention_days >= 7
    assert body.protection.deletion
    assert body.ingress.exposure == "internal"
    assert all(not text.startswith("0.") for text in body.ingress.allow)
    assert body.placement == "dedicated"
    assert body.network.create


@pytest.mark.parametrize("preset", ["trial", "standard", "gold"])
@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_presets_fill_what_is_not_said_and_never_what_is(preset: str, cloud: str) -> None:
    bare = CellSpec.minimal("acme", cloud=cloud, region="r", preset=preset)
    said = validated(
        {
            "metadata": {"name": "acme"},
            "spec": {
                "cloud": cloud,
                "account": "sandbox",
                "region": "r",
                "preset": preset,
                "database": {"retentionDays": 3},
                "nodes": {"count": 4},
            },
        }
    )
    assert said.spec.database.retention_days == 3
    assert said.spec.database.tier == bare.spec.database.tier
    assert said.spec.nodes.roles == ("both",) * 4
    assert said.spec.nodes.size == bare.spec.nodes.size
    assert bare.spec.nodes.count >= 2
    assert not not_yet(bare)


def test_the_backend_follows_the_cloud() -> None:
    assert CellSpec.minimal("acme", cloud="aws", region="r").spec.storage.backend == "gateway"
    assert CellSpec.minimal("acme", cloud="azure", region="r").spec.storage.backend == "azure_files"


def test_a_spec_is_frozen_and_picklable() -> None:
    spec = CellSpec.minimal("acme", cloud="azure", region="westeurope")
    with pytest.raises(ValidationError):
        spec.spec.nodes.count = 3
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert copy.deepcopy(spec) == spec


def test_equal_specs_have_equal_digests_whatever_their_files_look_like() -> None:
    one = loads("metadata: {name: acme}\nspec: {cloud: aws, account: sandbox, region: r, octopus: {taskCap: 10}}")
    two = loads("spec:\n  region: r\n  account: sandbox\n  cloud: aws\n  preset: standard\nmetadata:\n  name: acme\n")
    other = loads("metadata: {name: acme}\nspec: {cloud: aws, account: sandbox, region: r, octopus: {taskCap: 11}}")
    assert one.digest() == two.digest() != other.digest()


def test_the_model_itself_refuses_contradictions() -> None:
    body = {**NEEDED, "nodes": {"count": 3, "roles": ["both"]}}
    with pytest.raises(ValidationError, match="one for each"):
        CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"storage": {"backend": "fsx"}}, "spec.storage.backend"),
    ],
)
def test_later_options_are_valid_now_and_answer_not_yet(extra: dict[str, object], field: str) -> None:
    spec = validated({"metadata": {"name": "acme"}, "spec": {**NEEDED, **extra}})
    (problem,) = not_yet(spec)
    assert problem.field == field
    assert "not yet" in problem.message
    assert problem.hint
    with pytest.raises(NotYet) as caught:
        refuse_pending(spec)
    assert caught.value.exit_code == 2
    assert loads(dump(spec)) == spec


USER = {"secret": "octopus/a", "users": ["a"]}


@pytest.mark.parametrize(
    ("extra", "field", "message"),
    [
        ({"placement": {"reef": "r1"}, "storage": {"protocol": "smb"}}, "spec.storage.protocol", "user of its domain"),
        ({"storage": {"protocol": "smb", "directory": USER}}, "spec.storage.directory", "for SMB on a reef"),
        ({"placement": {"reef": "r1"}, "storage": {"directory": USER}}, "spec.storage.directory", "for SMB on a reef"),
    ],
)  # fmt: skip
def test_a_user_of_a_domain_goes_with_smb_on_a_reef(extra: dict[str, object], field: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        validated({"metadata": {"name": "acme"}, "spec": {**NEEDED, **extra}})
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize(
    "extra", [{}, {"cloud": "azure", "region": "westeurope", "placement": {"reef": "r1"}}], ids=["dedicated", "azure"]
)
def test_shares_apart_are_of_reefs_on_aws(extra: dict[str, object]) -> None:
    body = {**NEEDED, **extra, "storage": {"kinds": {"packages": {"share": "feed"}}}}
    with pytest.raises(SpecError, match="is for a cell on a reef of AWS"):
        validated({"metadata": {"name": "acme"}, "spec": body})


def test_all_later_options_are_listed_together() -> None:
    body = {
        "cloud": "azure", "account": "sandbox", "region": "westeurope", "placement": {"reef": "r1"},
        "storage": {"authentication": "identity"},
        "database": {"failover": {"region": "northeurope"}},
    }  # fmt: skip
    spec = validated({"metadata": {"name": "acme"}, "spec": body})
    with pytest.raises(NotYet) as caught:
        refuse_pending(spec, file="cells/acme.yaml")
    for field in ("database.failover", "storage.authentication"):
        assert f"spec.{field}" in str(caught.value)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_committed_schemas_are_fresh(name: str) -> None:
    assert (ROOT / "schemas" / name).read_text(encoding="utf-8") == schema_text(name)


def test_the_reference_page_is_fresh_and_explains_every_field() -> None:
    assert (ROOT / "docs" / "reference" / "cell-file.md").read_text(encoding="utf-8") == cell_file_reference()
    assert set(paths()) == set(SAFE)


def test_every_field_of_both_schemas_is_described_and_unknown_ones_are_refused() -> None:
    for name in SCHEMAS:
        schema = json.loads(schema_text(name))
        for definition in [schema, *schema["$defs"].values()]:
            assert definition["additionalProperties"] is False
            for key, field in definition.get("properties", {}).items():
                below = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
                assert field.get("description") or below.get("description"), f"{name}: {key}"


def test_the_schema_needs_what_the_loader_needs() -> None:
    schema = cell_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    assert definitions["CellBody"]["required"] == ["cloud", "account", "region"]
    assert definitions["Metadata"]["required"] == ["name"]
    assert "required" not in definitions["Nodes"]
    assert schema["required"] == ["metadata", "spec"]


@pytest.mark.parametrize(
    "name", ["a", "A", "Acme", "-a", "a-", "a--b", "1a", "a_b", "a.b", "x" * 33, "all", "con", "ä", ""]
)
def test_bad_names(name: str) -> None:
    with pytest.raises(ValueError):
        check_name(name)


@pytest.mark.parametrize("window", ["Sun 23:00-01:00 UTC", "Mon 00:00-08:00 UTC"])
def test_good_windows(window: str) -> None:
    assert check_window(window) == window


@pytest.mark.parametrize(
    "window",
    ["", "Sun", "Sun 2-4 UTC", "Sun 02:00-04:00", "Sun 02:00-02:30 UTC", "Sun 02:00-02:00 UTC", "sun 02:00-04:00 UTC"],
)
def test_bad_windows(window: str) -> None:
    with pytest.raises(ValueError):
        check_window(window)


def test_importing_the_packages_loads_no_pydantic() -> None:
    code = "import cellctl.spec, cellctl.home, cellctl.leases, sys; print([m for m in HEAVY if m in sys.modules])"
    code = code.replace("HEAVY", "('pydantic', 'yaml', 'pulumi', 'sqlalchemy')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_minimal_lists_every_problem() -> None:
    with pytest.raises(SpecError) as caught:
        CellSpec.minimal("Acme", cloud="gcp", account="no spaces", region="")
    assert {problem.field for problem in caught.value.problems} == {
        "metadata.name",
        "spec.cloud",
        "spec.account",
        "spec.region",
    }
