"""A type is added by data files alone: CONTRIBUTING's example is played as it stands; a wrong file is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellctl.facts.document import FactsError
from cellctl_provider.protocol import Check, Create, Delete, Diff, ProviderError, Read, Update
from cellctl_sandbox.clouds.behaviour import NotSimulated, behaviour_of, simulated_types
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.own_types import types_from
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.clouds.trial import Examples

QUEUE = "aws:sqs/queue:Queue"
CONTRIBUTING = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"
PLACES = {"cellctl/facts": "facts", "sandbox/cellctl_sandbox/clouds": "clouds"}


def example(folder: Path) -> Path:
    """Write the files that CONTRIBUTING shows, as it names them."""
    blocks = re.findall(r"```toml\n# (\S+\.toml)\n(.*?)```", CONTRIBUTING.read_text(encoding="utf-8"), re.DOTALL)
    for name, content in blocks:
        root, _, rest = name.rpartition("/aws/")
        path = folder / PLACES[root] / "aws" / rest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert [name.rpartition("/")[2] for name, _ in blocks] == ["sqs.toml", "sqs.toml"]
    return folder


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Examples]:
    with types_from(example(tmp_path / "types")):
        database = Database.open(tmp_path / "home")
        clock = SimulatedClock.of(database)
        clock.pace = 0.0
        yield Examples(CloudFactory("aws", database)())
        clock.close()
    assert QUEUE not in simulated_types("aws")
    with pytest.raises(NotSimulated):
        behaviour_of(QUEUE)


def test_the_worked_example_lives_and_dies_as_it_says(trial: Examples) -> None:
    made, cloud, urn = trial.make(QUEUE), trial.provider, trial.urn(QUEUE)
    inputs = trial.made[QUEUE][0]
    assert re.fullmatch(behaviour_of(QUEUE).facts.id_form, made.id)
    assert made.properties["arn"] == "arn:aws:sqs:eu-west-1:000000000000:acme-events"
    news = {**inputs, **behaviour_of(QUEUE).attempt["update"]}
    cloud.update(Update(urn=urn, id=made.id, olds=made.properties, old_inputs=inputs, news=news, type=QUEUE))
    found = cloud.read(Read(urn=urn, id=made.id, properties={}, inputs={}, type=QUEUE))
    assert found is not None
    assert found.inputs["visibilityTimeoutSeconds"] == 60
    renamed = Diff(urn=urn, id=made.id, olds=made.properties, old_inputs=news, news={**news, "name": "x"}, type=QUEUE)
    assert cloud.diff(renamed).replaces == ("name",)
    again = Create(urn=trial.urn(QUEUE, "again"), properties=news, type=QUEUE, name="again")
    with pytest.raises(ProviderError, match="already exist"):
        cloud.create(again)
    cloud.delete(Delete(urn=urn, id=made.id, properties=news, type=QUEUE))
    with pytest.raises(ProviderError, match="wait 60 seconds"):
        cloud.create(again)
    wrong = Check(urn=urn, olds={}, news={"name": "no spaces"}, type=QUEUE, name="q")
    assert [failure.property for failure in cloud.check(wrong).failures] == ["name"]


@pytest.mark.parametrize(
    ("folder", "old", "new", "said"),
    [
        ("clouds", "autoname =", "autname =", "unknown entry 'autname'"),
        ("clouds", 'state = "creating"', 'sate = "creating"', "'state' must be a string"),
        ("clouds", 'on = "create"', 'on = "make"', "'on' must be one of create"),
        ("clouds", "visibilityTimeoutSeconds = 30", "visibilityTimeout = 30", "has no 'visibilityTimeout'"),
        ("clouds", 'url = "{id}"', 'uri = "{id}"', "has no output 'uri'"),
        ("facts", 'source = "docs"', 'source = "hearsay"', "source 'hearsay' is not in"),
        ("facts", "create = [25, 60]", "create = [60, 25]", "must be seconds, or"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_file_and_place(
    tmp_path: Path, folder: str, old: str, new: str, said: str
) -> None:
    path = example(tmp_path) / folder / "aws" / "sqs.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with types_from(tmp_path), pytest.raises(FactsError, match=said) as wrong:
        behaviour_of(QUEUE)
    assert str(path) in str(wrong.value)
