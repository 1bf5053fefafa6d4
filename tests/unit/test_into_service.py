"""What the `up` of a reef makes of the gates of its new gateways, without a cloud."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from cellctl.gates import GATES, Gate, Judged, ends_soon
from cellctl.home import Home
from cellctl.plan import Failure, Outcome
from cellctl.registry import serving as records
from cellctl.registry import stock
from cellctl.run import registering, serving
from cellctl.run.session import Session
from cellctl.run.target import Target

ROWS = [{"name": name, "shares": [{"name": f"{name}-1"}, {"name": f"{name}-2"}]} for name in ("g1", "g2")]
OUTCOME = Outcome(
    cell="reef/r1", cloud="aws", account="sandbox", operation="up", result="succeeded", changes={}, checks=("good",),
    outputs={"gateways": ROWS},
)  # fmt: skip


@dataclass
class Doorman:
    """Stands for a Session: finds gates open but those that are `shut`, and remembers what it was asked and said."""

    target: Target
    shut: tuple[str, ...] = ()
    asked: list[tuple[str, str, list[str]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def begin(self, phase: str) -> None:
        assert phase == "gates"

    def say(self, message: str, severity: str) -> None:
        self.said.append(message)

    def gates(self, rows: list[dict[str, Any]]) -> tuple[Judged, ...]:
        self.asked += [(row["name"], row["probe"], row["unproven"]) for row in rows]
        found = tuple(Gate(gate=gate, passed=gate not in self.shut, message=gate, hint="h") for gate in GATES)
        return tuple(Judged(gateway=row["name"], gates=found) for row in rows)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home whose registry has reef r1 with g1 in service."""
    home = Home(tmp_path)
    with registering.opened(home) as database:
        account = registering.account_key(home, home.account("sandbox"))
        new = stock.NewReef(name="r1", account=account, cloud="aws", region="eu-west-1", max_cells=5)
        reef = stock.add_reef(database, new)
        row = stock.add_gateway(database, reef, stock.NewGateway(name="g1", kind="storage_gateway", protocol="nfs"))
        for state in (
            "stack_creating",
            "booted",
            "activated",
            "cache_ready",
            "shares_creating",
            "probing",
            "in_service",
        ):
            stock.move(database, "gateway", row, state)
    return home


def doorman(home: Home, *shut: str, into_service: str = "automatic") -> Doorman:
    spec = {"spec": {"storage": {"intoService": into_service}}}
    target = Target(
        home=home, name="reef/r1", cloud="aws", account=home.account("sandbox"), region="eu-west-1", spec=spec,
        spec_digest="", incarnation=1, engine="embedded",
    )  # fmt: skip
    return Doorman(target, shut)


def tried(session: Doorman, outcome: Outcome = OUTCOME) -> Outcome:
    return serving.tried(cast("Session", session), outcome)


def test_only_gateways_that_never_served_are_tried_and_serve_where_nobody_asked_for_a_person(home: Home) -> None:
    session = doorman(home)
    outcome = tried(session)
    assert session.asked == [("g2", "", ["g2-1", "g2-2"])]  # nobody knows what its shares hold
    assert (outcome.result, outcome.gates[0].serve, outcome.checks[0], len(outcome.checks)) == (
        "succeeded",
        True,
        "good",
        6,
    )
    assert session.said == []


def test_a_person_is_waited_for_where_the_reef_says_so(home: Home) -> None:
    session = doorman(home, into_service="manual")
    outcome = tried(session)
    assert (outcome.result, outcome.gates[0].passed, outcome.gates[0].serve) == ("succeeded", True, False)
    assert session.said == ["gateway g2 waits: cellctl gateway into-service g2"]


def test_a_shut_gate_fails_the_run_and_the_reef_is_whole_all_the_same(home: Home) -> None:
    outcome = tried(doorman(home, "name", "write"))
    assert outcome.result == "failed"
    assert [(one.code, one.message, one.hint) for one in outcome.failures] == [
        ("gate_name", "gateway g2: name", "h"), ("gate_write", "gateway g2: write", "h"),
    ]  # fmt: skip
    assert registering._whole(outcome)
    other = Failure(code="verify_database", message="m", hint="")
    assert not registering._whole(replace(outcome, failures=(*outcome.failures, other)))


def test_a_run_that_failed_tries_nothing(home: Home) -> None:
    session = doorman(home)
    failed = replace(OUTCOME, result="failed", failures=(Failure(code="verify_open", message="m", hint=""),))
    assert tried(session, failed) is failed
    assert session.asked == []


def test_a_gateway_that_is_not_complete_is_refused_before_anything_is_tried(home: Home) -> None:
    from cellctl.errors import GuardError, UsageError
    from cellctl.run.options import RunOptions

    with registering.opened(home) as database, database.read() as connection:
        account = registering.account_key(home, home.account("sandbox"))
        assert [one.state for one in records.listed(connection, account)] == ["in_service"]
    assert not serving.into_service(home, "g1", options=RunOptions())
    serving.cordon(home, "g1", on=True)
    with registering.opened(home) as database, database.read() as connection:
        row = records.named(connection, account, "g1")
    assert row.state == "cordoned"
    with pytest.raises(UsageError, match="no gateway 'g9'"):
        serving.into_service(home, "g9", options=RunOptions())
    with registering.opened(home) as database:
        reef = stock.add_reef(
            database, stock.NewReef(name="r2", account=account, cloud="aws", region="eu-west-1", max_cells=5)
        )
        stock.add_gateway(database, reef, stock.NewGateway(name="g7", kind="storage_gateway", protocol="nfs"))
    with pytest.raises(GuardError) as refused:
        serving.into_service(home, "g7", options=RunOptions())
    assert refused.value.objections[0].remedy == "cellctl reef up r2 completes it"


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("", ""),
        ("2027-06-30", ""),
        ("2027-03-29", "ends on 2027-03-29, in 120 days"),
        ("2026-11-29", "ended on 2026-11-29"),
    ],
)
def test_the_end_of_software_is_said_from_120_days_before(date: str, said: str) -> None:
    assert ends_soon(date, "2026-11-29") == said
