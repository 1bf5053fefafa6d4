"""The portal without a browser: what its pages show, whom they refuse, and that no name becomes part of a page."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from pathlib import Path

import httpx
import pytest
from warm import client

from cellctl.errors import GuardError, Objection
from cellctl.gates import GATES, Gate, GatewayFacts, Judged
from cellctl.home import Home
from cellctl.portal import portal
from cellctl.portal.forms import is_loopback
from cellctl.registry import serving, stock
from cellctl.run import registering
from cellctl.run import serving as running

HERE = "http://127.0.0.1:8787"
EVIL = '"><img src=x onerror=alert(1)>&{{7*7}}'


def judged(name: str, *shut: str) -> Judged:
    found = tuple(Gate(gate=gate, passed=gate not in shut, message=f"{gate} {EVIL}", hint=EVIL) for gate in GATES)
    facts = GatewayFacts(software="2.2.4", deprecated="2026-01-31")
    return Judged(gateway=name, gates=found, facts=facts, serve=True)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.write_file()
    account = registering.account_key(home, home.account("sandbox"))
    with registering.opened(home) as database:
        for reef, gateway in (("r1", "reef-r1-g1"), (EVIL, EVIL)):
            new = stock.NewReef(name=reef, account=account, cloud="aws", region="eu-west-1", max_cells=5)
            made = stock.add_reef(database, new)
            stock.move(database, "reef", made, "in_service")
            new = stock.NewGateway(name=gateway, kind="storage_gateway", protocol="nfs", max_slots=2)
            row = stock.add_gateway(database, made, new)
            for state in ("stack_creating", "booted", "activated", "cache_ready", "shares_creating", "probing"):
                stock.move(database, "gateway", row, state)
            serving.record(database, account, dataclasses.replace(judged(gateway, "cache"), gateway=gateway), by=EVIL)
    return home


class Web:
    """Asks a portal without a socket."""

    def __init__(self, home: Home, **more: bool) -> None:
        self._transport = httpx.ASGITransport(app=portal(home, **more))

    def get(self, path: str, **more: object) -> httpx.Response:
        return asyncio.run(self._asked("GET", path, more))

    def post(self, path: str, **more: object) -> httpx.Response:
        return asyncio.run(self._asked("POST", path, more))

    async def _asked(self, method: str, path: str, more: dict[str, object]) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url=HERE) as http:
            return await http.request(method, path, **more)  # type: ignore[arg-type]


@pytest.fixture
def web(home: Home) -> Web:
    return Web(home)


def token(web: Web) -> str:
    return web.get("/gateways/reef-r1-g1").text.partition('name="token" value="')[2].partition('"')[0]


def test_pages_show_gates_and_no_name_becomes_part_of_a_page(web: Web) -> None:
    from urllib.parse import quote

    pages = [web.get(path) for path in ("/", "/gateways", "/gateways/reef-r1-g1", f"/gateways/{quote(EVIL, safe='')}")]
    assert [page.status_code for page in (*pages, web.get("/cells"))] == [200] * 5
    assert web.get("/gateways/nobody").status_code == 404
    for page in (*pages, web.get(f"/gateways/{quote('<b>nobody', safe='')}")):
        assert "<img" not in page.text
        assert "<script" not in page.text
        assert "<b>nobody" not in page.text
        assert "alert(1)&gt;&amp;49" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
    one = pages[2].text
    assert one.count('<li class="open">') == 4
    assert one.count('<li class="shut">') == 1
    assert "Bring into service" in one
    assert "ended on 2026-01-31" in one
    assert "Last tried: 20" in one
    assert "reef-r1-g1</a> is not in service yet" in pages[0].text


def test_only_a_form_of_this_portal_on_this_machine_presses_the_button(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[str] = []
    monkeypatch.setattr(running, "into_service", lambda _home, name, **_more: pressed.append(name) or True)
    path, good, own = "/gateways/reef-r1-g1/into-service", f"token={token(web)}", {"origin": HERE}
    elsewhere = {"origin": "http://evil.example:8787", "host": "evil.example:8787"}
    for headers, body in (
        ({}, good), ({"origin": "https://evil.example"}, good), ({"origin": "null"}, good), (elsewhere, good),
        (own, ""), (own, "token=guessed"), (own, f"{good}&x={'x' * 5000}"),
    ):  # fmt: skip
        assert web.post(path, headers=headers, content=body).status_code == 403
    assert pressed == []
    done = web.post(path, headers=own, content=good)
    assert (done.status_code, done.headers["location"], pressed) == (303, "/gateways/reef-r1-g1", ["reef-r1-g1"])


def test_a_page_is_given_to_the_name_of_this_machine_only(web: Web) -> None:
    assert web.get("/", headers={"host": "rebound.example:8787"}).status_code == 403
    for host in ("localhost:8787", "[::1]:8787", "127.9.9.9"):
        assert web.get("/", headers={"host": host}).status_code == 200


def test_the_gate_that_refuses_is_shown_and_a_real_portal_leaves_the_sandbox_alone(
    web: Web, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_home: Home, name: str, **_more: object) -> bool:
        raise GuardError([Objection(code="gate_shut", reason=f"12.5 % of {EVIL}", remedy="wait")])

    monkeypatch.setattr(running, "into_service", refuse)
    answer = web.post("/gateways/reef-r1-g1/into-service", headers={"origin": HERE}, content=f"token={token(web)}")
    assert answer.status_code == 409
    assert "12.5 % of &#34;&gt;&lt;img" in answer.text
    strict = Web(home, sandbox=False)
    answer = strict.post("/gateways/reef-r1-g1/probe", headers={"origin": HERE}, content=f"token={token(strict)}")
    assert "real accounts only" in answer.text


def test_the_portal_binds_to_this_machine_alone(home: Home) -> None:
    done = client.cellctl("portal", "--bind", "0.0.0.0", "--port", "0", "--home", str(home.root), cwd=home.root)
    assert (done.returncode, "binds to loopback only" in done.stderr) == (2, True)
    assert [host for host in ("::", "192.0.2.7", "example.com", "127.0.0.1.nip.io", "") if is_loopback(host)] == []
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost")))


def test_a_port_that_is_taken_is_said_in_one_sentence(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = client.cellctl("portal", "--port", port, "--home", str(home.root), cwd=home.root)
    assert (done.returncode, f"port {port}" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr
