"""No role of cellctl's may do anything on anything: over all that cells, reefs and accounts declare."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pytest

from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl.spec.reef import ReefSpec

if TYPE_CHECKING:
    from conftest import Recording

ACCOUNT = AccountFacts(id="123456789012", sandbox=True)
BODY = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1"}
DOCUMENTS = {
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/policy:Policy": "policy",
}
EVERYWHERE: Mapping[str, str] = {
    "watch-services Network": "an interface has no name before it is made; Lambda alone makes it",
    "watch-looks Metrics": "a metric has no ARN: the condition names the only namespace",
    "account-prod-look-1 Look": "what is looked at has no name yet",
    "account-prod-change-1 Change": "what is made has no name yet; roles and secrets are in other statements",
    "account-prod-change-2 Change": "what is made has no name yet; roles and secrets are in other statements",
}
"""Statements that allow named actions on `*`, each with the reason."""
Statement = Mapping[str, object]


def listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def too_wide(statement: Statement) -> list[str]:
    """Return what a statement allows that is a whole service, or more, on more than what it names."""
    if statement["Effect"] != "Allow" or not any(
        one.strip() in ("*", "arn:aws:*") for one in listed(statement.get("Resource"))
    ):
        return []
    known = ("kms:ReEncrypt*", "kms:GenerateDataKey*")
    return [one for one in listed(statement.get("Action", "*")) if "*" in one and one not in known]


def on_anything(name: str, statement: Statement) -> bool:
    """Tell whether a statement allows something on `*` and is not among those that have a reason."""
    anything = statement["Effect"] == "Allow" and "*" in listed(statement.get("Resource"))
    key = f"{name} {statement.get('Sid', '')}"
    return anything and not any(key.endswith(one) for one in EVERYWHERE)


def statements(recording: Recording) -> Iterator[tuple[str, Statement]]:
    for token, key in DOCUMENTS.items():
        for item in recording.of(token):
            for one in json.loads(str(item.inputs[key]))["Statement"]:
                yield item.name, one


def cell(**body: object) -> Callable[[], None]:
    spec = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": {**BODY, **body}})
    return declaring(load("aws"), Wanted(level="cell", spec=spec.to_json()), ACCOUNT)


def reef() -> Callable[[], None]:
    spec = ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": {**BODY, "ingress": {"shared": True}}})
    return declaring(load("aws"), Wanted(level="reef", spec=spec.to_json()), ACCOUNT)


def account() -> Callable[[], None]:
    spec = AccountSpec.of("prod", cloud="aws", region="eu-west-1").to_json()
    return declaring(load("aws"), Wanted(level="account", spec=spec), ACCOUNT)


PROGRAMS: Mapping[str, Callable[[], Callable[[], None]]] = {
    "nfs": cell,
    "smb": lambda: cell(preset="gold", storage={"protocol": "smb"}),
    "queue": lambda: cell(ingress={"polling": "redis"}, nodes={"os": "linux"}),
    "reef": reef,
    "account": account,
}


@pytest.mark.parametrize("which", PROGRAMS)
def test_nothing_may_do_anything_on_anything(which: str, record: Callable[[Callable[[], None]], Recording]) -> None:
    found = list(statements(record(PROGRAMS[which]())))
    assert len(found) > 5
    assert {name: wide for name, one in found if (wide := too_wide(one))} == {}
    assert [name for name, one in found if on_anything(name, one)] == []


def test_every_exception_is_of_a_statement(record: Callable[[Callable[[], None]], Recording]) -> None:
    names = {f"{name} {one.get('Sid', '')}" for each in PROGRAMS.values() for name, one in statements(record(each()))}
    assert [one for one in EVERYWHERE if not any(name.endswith(one) for name in names)] == []


BROKEN: Sequence[Statement] = (
    {"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]},
    {"Effect": "Allow", "Action": ["secretsmanager:Get*"], "Resource": ["arn:aws:secretsmanager:::a", "*"]},
    {"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"},
)


@pytest.mark.parametrize("statement", BROKEN)
def test_a_statement_that_is_too_wide_is_caught(statement: Statement) -> None:
    assert too_wide(statement)
    assert on_anything("acme-nodes-secrets", {**statement, "Action": ["s3:GetObject"]})
    assert not too_wide({**statement, "Effect": "Deny"})
