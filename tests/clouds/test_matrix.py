"""The matrix of issue 3 D: for every simulated type what its data promise, over the real provider and a real file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from cellctl.state.values import Struct, bare_struct
from cellctl_provider.protocol import Check, Create, Created, Delete, Diff, Provider, ProviderError, Read, Update
from cellctl_sandbox.clouds.behaviour import behaviour_of, simulated_types
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.clouds.trial import FIELDS, Examples, dependant_of, gaps

TYPES = [*simulated_types("aws"), *simulated_types("azure")]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database.open(tmp_path_factory.mktemp("matrix"))
    clock = SimulatedClock.of(made)
    clock.pace = 0.0
    yield made
    clock.close()


class Trial:
    """One type, its example, and a provider of an account of its own."""

    def __init__(self, database: Database, token: str, number: int) -> None:
        self.token = token
        self.behaviour = behaviour_of(token)
        self.provider: Provider = _provider(database, self.behaviour.package, number)
        self.examples = Examples(self.provider, stack=f"cell-trial{number}")
        self.urn = self.examples.urn(token)

    def diff(self, change: Struct) -> tuple[Struct, tuple[str, ...], str]:
        """Return (news, replaces, changes) of a change to the example."""
        old, made = self.examples.made[self.token]
        news = {**old, **self.examples.inputs(self.token, change)}
        found = self.provider.diff(
            Diff(urn=self.urn, id=made.id, olds=made.properties, old_inputs=old, news=news, type=self.token)
        )
        return news, found.replaces, found.changes


def _provider(database: Database, package: str, number: int) -> Provider:
    from cellctl_provider.protocol import Configure

    provider = CloudFactory(package, database)()
    account = f"{number:012d}" if package == "aws" else f"00000000-0000-0000-0000-{number:012d}"
    variables = (
        {"aws:config:region": "eu-west-1", "aws:config:allowedAccountIds": f'["{account}"]'}
        if package == "aws"
        else {"azure-native:config:subscriptionId": account, "azure-native:config:location": "westeurope"}
    )
    provider.configure(Configure(urn="p", name="p", type="p", id="p", variables=variables, args={}))
    return provider


@pytest.fixture
def trial(database: Database, token: str) -> Iterator[Trial]:
    made = Trial(database, token, TYPES.index(token) + 1)
    yield made
    _reset(database)


def _reset(database: Database) -> None:
    with database.transaction() as rows:
        for table in ("objects", "handles", "links", "names"):
            rows.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("token", TYPES)
def test_every_field_of_the_row_is_proved_or_says_why_not(token: str) -> None:
    assert [name for name, reason in gaps(token).items() if not reason] == []
    needless = set(behaviour_of(token).empty) - set(gaps(token))
    assert needless <= set(FIELDS)
    assert needless == set(), "a reason is given for what is proved"


@pytest.mark.parametrize("token", TYPES)
def test_an_object_lives_as_its_data_say(trial: Trial, token: str) -> None:
    made = trial.examples.make(token)
    inputs = trial.examples.made[token][0]
    _has_a_form(trial, made.id)
    _reads_back(trial, made.id, inputs)
    _refuses_what_is_wrong(trial, inputs)
    _updates(trial, made.id, inputs)
    _replaces(trial)
    _keeps_its_name(trial)
    _stays_while_in_use(trial, made.id)


def _has_a_form(trial: Trial, id_: str) -> None:
    form = trial.behaviour.facts.id_form
    assert form, "facts must say what a well-formed id looks like"
    assert re.fullmatch(form, id_), id_
    for name, shape in trial.behaviour.shape.outputs.items():
        if not shape.optional:
            assert name in trial.examples.made[trial.token][1].properties, f"declared output {name} is missing"


def _reads_back(trial: Trial, id_: str, inputs: Struct) -> None:
    request = Read(urn=trial.urn, id=id_, properties={}, inputs={}, type=trial.token)
    found = trial.provider.read(request)
    assert found is not None
    assert bare_struct(found.inputs) == bare_struct(inputs)
    assert bare_struct(found.properties) == bare_struct(trial.examples.made[trial.token][1].properties)
    same = Diff(urn=trial.urn, id=id_, olds=found.properties, old_inputs=found.inputs, news=inputs, type=trial.token)
    assert trial.provider.diff(same).changes == "none"


def _refuses_what_is_wrong(trial: Trial, inputs: Struct) -> None:
    def failures(news: Struct) -> list[str]:
        request = Check(urn=trial.urn, olds={}, news=news, type=trial.token, name="example")
        return [failure.property for failure in trial.provider.check(request).failures]

    assert failures({**inputs, "noSuchArgument": 1}) == ["noSuchArgument"]
    for name in trial.behaviour.shape.required:
        assert name in failures({key: value for key, value in inputs.items() if key != name})


def _updates(trial: Trial, id_: str, inputs: Struct) -> None:
    change = trial.behaviour.attempt.get("update")
    if change is None:
        return
    news, replaces, changes = trial.diff(change)
    assert (replaces, changes) == ((), "some")
    before = trial.examples.made[trial.token][1].properties
    request = Update(urn=trial.urn, id=id_, olds=before, old_inputs=inputs, news=news, type=trial.token)
    updated = trial.provider.update(request)
    found = trial.provider.read(Read(urn=trial.urn, id=id_, properties={}, inputs={}, type=trial.token))
    assert found is not None
    assert bare_struct(found.inputs) == bare_struct(news)
    assert bare_struct(found.properties) == bare_struct(updated.properties)
    trial.examples.made[trial.token] = (news, Created(id=id_, properties=updated.properties))


def _replaces(trial: Trial) -> None:
    change = trial.behaviour.attempt.get("replace")
    if change is None:
        return
    _, replaces, changes = trial.diff(change)
    assert changes == "some"
    assert replaces, f"{change} must replace"


def _keeps_its_name(trial: Trial) -> None:
    if "same_name" in gaps(trial.token):
        return
    inputs = trial.examples.made[trial.token][0]
    second = Create(urn=trial.examples.urn(trial.token, "second"), properties=inputs, type=trial.token, name="second")
    with pytest.raises(ProviderError) as refused:
        trial.provider.create(second)
    assert refused.value.code in ("conflict", "quota")


def _stays_while_in_use(trial: Trial, id_: str) -> None:
    token, given = dependant_of(trial.token)
    properties = trial.examples.made[trial.token][1].properties
    delete = Delete(urn=trial.urn, id=id_, properties=properties, type=trial.token)
    if token:
        inputs = trial.examples.checked(token, trial.examples.inputs(token, given))
        urn = trial.examples.urn(token)
        holder = trial.provider.create(Create(urn=urn, properties=inputs, type=token, name="example"))
        with pytest.raises(ProviderError) as refused:
            trial.provider.delete(delete)
        assert refused.value.code == "conflict"
        trial.provider.delete(Delete(urn=urn, id=holder.id, properties=holder.properties, type=token))
    trial.provider.delete(delete)
    assert trial.provider.read(Read(urn=trial.urn, id=id_, properties={}, inputs={}, type=trial.token)) is None
    trial.provider.delete(delete)
