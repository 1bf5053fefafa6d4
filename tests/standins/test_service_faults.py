"""Fault rules strike what stand-ins serve, each service with its own code of the same meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from cellctl.errors import EngineError
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.clouds.trial import Examples
from cellctl_sandbox.control import Control, open_control
from cellctl_sandbox.host import open_host
from cellctl_sandbox.service_faults import ServiceFaults
from cellctl_sandbox.shared_files import shared_files
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.smb.directory import Directory
from cellctl_sandbox.standins.tds.faults import Fault
from cellctl_sandbox.standins.web import NoAnswer, Request, Response
from cellctl_sandbox.testing.cloud import ObjectsInMemory
from cellctl_sandbox.testing.gateway_bench import PlainSeal

PING = Request(method="GET", path="/api/ping", query={}, headers={}, body=b"", tls=False)


class Killed(Exception):
    """Stands for the end of the process."""


class Service:
    """A web service behind fault rules, that counts what it carried out."""

    def __init__(self, home: Path) -> None:
        database = Database.open(home)
        self.clock = SimulatedClock.of(database)
        self.clock.pace = 0.0
        self.control: Control = open_control(home)
        self.faults = ServiceFaults(database, self.clock, cell="acme")
        self.ask = self.faults.disturb("octopus")(self._answer)
        self.served = 0

    def _answer(self, request: Request) -> Response:
        self.served += 1
        return Response(body=request.path.encode())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.clock.close()


@pytest.mark.parametrize(("error", "status"), [("throttle", 429), ("auth", 403), ("conflict", 409), ("internal", 500)])
def test_an_error_comes_instead_of_the_answer(service: Service, error: str, status: int) -> None:
    service.control.add_fault({"type": "service:octopus", "name": "GET /api/*", "error": error, "count": 1})
    assert (service.ask(PING).status, service.served) == (status, 0)
    assert (service.ask(PING).status, service.served) == (200, 1)


def test_a_lost_answer_a_late_one_and_none_at_all(service: Service) -> None:
    service.control.add_fault({"type": "service:octopus", "effect": "lost", "count": 1})
    assert (service.ask(PING).drop, service.served) == (True, 1)
    service.control.add_fault({"type": "service:octopus", "effect": "delay", "delay_s": 30, "count": 1})
    assert (service.ask(PING).body, service.clock.now()) == (b"/api/ping", pytest.approx(30, abs=0.1))
    service.control.add_fault({"type": "service:octopus", "effect": "hang", "count": 1})
    with pytest.raises(NoAnswer):
        service.ask(PING)
    assert (service.served, service.clock.now()) == (2, pytest.approx(90, abs=0.1))


@pytest.mark.parametrize(("when", "served"), [("before", 0), ("after", 1)])
def test_a_crash_ends_the_process_before_or_after(service: Service, when: str, served: int) -> None:
    def killed() -> NoReturn:
        raise Killed

    service.clock.crash = killed
    service.control.add_fault({"type": "service:octopus", "effect": "crash", "when": when})
    with pytest.raises(Killed):
        service.ask(PING)
    assert service.served == served


@pytest.mark.parametrize("rule", [{"type": "*"}, {"type": "service:sql"}, {"type": "service:*", "cell": "zeta"}])
def test_rules_about_something_else_do_not_strike(service: Service, rule: dict[str, object]) -> None:
    service.control.add_fault(rule)
    assert service.ask(PING).status == 200


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"error": "throttle", "message": "busy"}, Fault(error=40501, text="busy")),
        ({"error": "unreachable", "message": "gone"}, Fault(error=40613, text="gone")),
        ({"effect": "lost"}, Fault(drop="after")),
        ({"effect": "hang"}, Fault(drop="before")),
        ({"name": "DROP DATABASE"}, None),
    ],
)
def test_a_statement_is_struck_by_its_first_words(
    service: Service, rule: dict[str, object], fault: Fault | None
) -> None:
    service.control.add_fault({"type": "service:sql", "name": "CREATE DATABASE", **rule})
    assert service.faults.judge("h", "master", "create  database [octo_acme_g1] COLLATE x") == fault
    assert service.faults.judge("h", "master", "SELECT 1") is None


def test_a_rule_reaches_a_real_vault(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    clock = SimulatedClock.of(database)
    clock.pace = 0.0
    examples = Examples(CloudFactory("azure-native", database)(), stack="cell-acme")
    examples.make("azure-native:keyvault:Secret")
    vault = next(
        str(row[0]) for row in database.rows("SELECT id FROM objects WHERE type = 'azure-native:keyvault:Vault'")
    )
    open_control(tmp_path).add_fault({"type": "service:keyvault", "name": "GET /secrets/*", "error": "not_found"})
    host = open_host(home=tmp_path, cell="acme", cloud="azure", clock="stepped")
    try:
        with pytest.raises(EngineError):
            host.secrets.read(f"https://{vault.rpartition('/')[2]}.vault.azure.net/secrets/master-key")
    finally:
        host.close()
    (rule,) = open_control(tmp_path).faults()
    assert int(str(rule["met"])) >= 1


def test_the_buckets_of_a_gateway_are_struck_too(service: Service, tmp_path: Path) -> None:
    view, seal = ObjectsInMemory(), PlainSeal()
    view.put(CloudObject(type="aws:s3/bucket:Bucket", id="files", properties={}, cell="acme", region="eu-west-1"))
    network = SimpleNamespace(share_trouble=None, appliance_hindrance=None, operator_refusal=lambda *_: "")

    def documents(table: str) -> Documents:
        return Documents(tmp_path / "documents.db", table, seal=seal)

    made = shared_files(
        documents,
        view,
        network,
        service.faults,
        cell="acme",
        is_appliance=lambda _: False,  # type: ignore[arg-type]
        directory=Directory(dict),
    )
    ask = replace(PING, path="/files/probe", headers={"authorization": "AWS4"})
    service.control.add_fault({"type": "service:s3", "name": "GET /files/*", "error": "throttle", "count": 1})
    assert [made.buckets.answer(ask).status for _ in range(2)] == [429, 404]
