"""The example of a sign-up service, over HTTP: progress, idempotency, problems, and a kill in the middle."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from prepared.small import ENGINE, TWO, Small
from warm import client

from cellctl import cells

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "provisioning_service"
SERVE = """
import sys, uvicorn
from pathlib import Path
from cellctl import Home, RunOptions
from service import service
from warm import client
port, home, engine = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
options = RunOptions(engine=engine, clock="" if engine else "stepped", start=client.operation)
app = service(Home(home), options=options)
uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
"""


class Shop:
    """The service in a process of its own; `kill` and `start` again as often as wanted."""

    def __init__(self, home: Path, engine: str) -> None:
        self._home, self._engine = home, engine
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=60)
        self.start()

    def start(self) -> None:
        words = [sys.executable, "-c", SERVE, str(self._port), str(self._home), self._engine]
        variables = {name: os.environ[name] for name in ("PATH", "TEST_RUN")}
        variables |= {"HOME": str(self._home), "PYTHONPATH": str(client.FOLDER)}
        self.process = subprocess.Popen(words, cwd=FOLDER, env=variables)
        until = time.monotonic() + 60
        while True:
            try:
                self.http.get("/customers/nobody")
                return
            except httpx.TransportError:
                assert time.monotonic() < until
                assert self.process.poll() is None
                time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def sign_up(self, key: str, **body: object) -> httpx.Response:
        return self.http.post("/customers", headers={"Idempotency-Key": key}, json=body)

    def follow(self, name: str, *, after: int = 0) -> Iterator[tuple[int, str, dict[str, object]]]:
        """Yield number, kind of event (`message` or `end`) and data."""
        number, event = 0, "message"
        with self.http.stream("GET", f"/customers/{name}/events", headers={"Last-Event-ID": str(after)}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "id":
                    number = int(value)
                elif field == "event":
                    event = value
                elif field == "data":
                    yield number, event, json.loads(value)

    def ended(self, name: str) -> dict[str, object]:
        return [data for _, event, data in self.follow(name) if event == "end"][-1]


@pytest.fixture
def opened() -> Iterator[Callable[..., Shop]]:
    shops: list[Shop] = []

    def make(home: Path, engine: str = "") -> Shop:
        shops.append(Shop(home, engine))
        return shops[-1]

    yield make
    for shop in shops:
        shop.http.close()
        shop.process.terminate()
        shop.process.wait(30)


@pytest.mark.needs("chromium")
def test_a_browser_follows_a_cell_through_a_kill_of_the_service_and_nothing_is_made_twice(
    opened: Callable[..., Shop], tmp_path: Path, browser: Browser
) -> None:
    small = Small(tmp_path)
    small.declare(TWO, b={"sleep_s": 60.0, "after": True})
    shop = opened(tmp_path, ENGINE)
    page = browser.new_page()
    page.goto(str(shop.http.base_url))
    page.get_by_label("company").fill("Acme & Sons")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("status")).to_contain_text("must hold only lower-case letters")
    page.get_by_label("company").fill("acme")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("status")).to_have_text("a is there", timeout=30_000)
    small.wait_reached("b")
    seen = next(number for number, _, data in shop.follow("acme") if data.get("name") == "a")
    shop.kill()
    expect(page.get_by_role("status")).to_have_text("waiting for the service to come back …")
    small.declare(TWO)
    shop.start()
    expect(page.get_by_role("status")).to_have_text("acme is up", timeout=30_000)
    expect(page.locator("progress")).to_have_js_property("value", 1)
    assert sorted(small.objects) == ["a", "b"]
    later = [number for number, event, _ in shop.follow("acme", after=seen) if event == "message"]
    assert later == sorted(later)
    assert later[0] > seen


def test_requests_are_answered_once_or_refused_as_problems_and_an_end_finishes_what_is_under_way(
    opened: Callable[..., Shop], tmp_path: Path
) -> None:
    small = Small(tmp_path)
    shop = opened(tmp_path, ENGINE)
    first = shop.sign_up("k1", name="acme", cloud="aws")
    again = shop.sign_up("k1", name="acme", cloud="aws")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["events"] == again.json()["events"] == "/customers/acme/events"
    for status, title, answer in (
        (422, "this key was used for another request", shop.sign_up("k1", name="globex")),
        (409, "'acme' is taken", shop.sign_up("k2", name="acme", cloud="aws")),
        (422, "metadata.name: 'Acme & Sons' must hold only lower-case letters", shop.sign_up("k3", name="Acme & Sons")),
        (422, "the request is not valid", shop.sign_up("k4", name="x1", cloud="gcp")),
        (422, "the request is not valid", shop.http.post("/customers", json={"name": "x1"})),
        (404, "nobody signed up as 'globex'", shop.http.get("/customers/globex/events")),
        (404, "Not Found", shop.http.get("/nothing/here")),
        (405, "Method Not Allowed", shop.http.delete("/customers")),
    ):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert title in answer.json()["title"]
    assert shop.http.delete("/customers").headers["allow"] == "POST"
    ended = shop.ended("acme")
    assert (ended["state"], ended["problem"]) == ("up", None)
    small.declare([{"name": "a"}, {"name": "b"}], a={"fail": "quota exceeded"})
    shop.sign_up("k5", name="globex", cloud="aws")
    failed = shop.ended("globex")
    assert failed["state"] == "failed"
    assert "quota exceeded" in json.dumps(failed["problem"])
    assert shop.sign_up("k5", name="globex", cloud="aws").json()["state"] == "failed"  # the same answer again
    small.declare([{"name": "a"}, {"name": "b"}])
    assert shop.sign_up("k6", name="globex", cloud="azure").status_code == 409  # half of it is there, on aws
    assert shop.sign_up("k7", name="globex", cloud="aws").status_code == 202
    told = list(shop.follow("globex"))
    assert (told[-1][2]["state"], told[-1][2]["problem"]) == ("up", None)
    assert "quota exceeded" not in json.dumps(told)
    assert shop.sign_up("k8", name="globex", cloud="aws").status_code == 409
    small.declare([{"name": "e"}, {"name": "f", "of": "e"}], e={"sleep_s": 0.6})
    assert shop.sign_up("k6", name="initech", cloud="aws").headers["location"] == "/customers/initech"
    small.wait_reached("e")
    shop.process.terminate()
    shop.process.wait(30)
    assert "e" in small.objects
    assert "f" not in small.objects
    assert [status.holder for status in cells(small.home)] == ["", "", ""]


def test_a_whole_cell_comes_up_and_every_step_is_told(opened: Callable[..., Shop], tmp_path: Path) -> None:
    shop = opened(tmp_path)
    shop.sign_up("k1", name="acme", cloud="azure")
    lines = [(event, data) for _, event, data in shop.follow("acme")]
    kinds = [data["kind"] for event, data in lines if event == "message"]
    assert kinds.count("resource.done") > 60
    assert kinds[-1] == "summary"
    assert lines[-1][0] == "end"
    assert lines[-1][1]["state"] == "up"
