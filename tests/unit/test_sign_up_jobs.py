"""Jobs of the example of a sign-up service: every one comes to an end, and one that failed may be tried again."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from cellctl import Home, RunOptions

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "provisioning_service"
SECRET = "Password=hunter2"


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("jobs")


def test_an_error_that_nobody_foresaw_ends_the_job_and_what_it_says_is_told_to_nobody(
    jobs: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_job: object) -> object:
        raise RuntimeError(SECRET)

    async def followed() -> list[tuple[int, str]]:
        workers = jobs.Workers(book, broken, RunOptions(), at_once=1)
        workers.start("acme")
        return [item async for item in book.follow("acme", 0, wait_s=0.1)]

    book = jobs.Book(tmp_path / "shop.db")
    book.begin("acme", "k1", "{}")
    with caplog.at_level(logging.ERROR):
        asyncio.run(asyncio.wait_for(followed(), 10))
    job = book.job("acme")
    assert (job.state, json.loads(job.problem)["title"]) == ("failed", "the service itself failed")
    assert "RuntimeError" in caplog.text
    assert "in broken" in caplog.text
    assert SECRET not in caplog.text + job.problem
    assert book.left_open() == []


def test_a_job_that_failed_is_queued_again_by_a_new_key_and_none_else(jobs: ModuleType, tmp_path: Path) -> None:
    book = jobs.Book(tmp_path / "shop.db")
    assert book.begin("acme", "k1", "a") == book.begin("acme", "k1", "a")
    for given, key in ((("acme", "k2", "a"), False), (("globex", "k1", "a"), True), (("acme", "k1", "b"), True)):
        with pytest.raises(jobs.Taken) as taken:
            book.begin(*given)
        assert taken.value.key is key
    book.tell("acme", "first")
    book.move("acme", "failed", "{}")
    assert book.begin("acme", "k1", "a").state == "failed"
    with pytest.raises(jobs.Taken):
        book.begin("acme", "k3", "b")
    again = book.begin("acme", "k2", "a")  # a key that was refused before was not used up
    assert (again.state, again.problem, book.events("acme", 0)) == ("queued", None, [])
    book.tell("acme", "second")
    assert [line for _, line in book.events("acme", 0)] == ["second"]
    with pytest.raises(jobs.Taken):
        book.begin("acme", "k4", "a")


def test_an_error_in_an_answer_is_a_problem_that_says_nothing(
    jobs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> object:
        raise RuntimeError(SECRET)

    service = importlib.import_module("service")
    app = service.service(Home(tmp_path))
    monkeypatch.setattr(jobs.Book, "job", broken)

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            return await http.get("/customers/acme")

    answer = asyncio.run(asked())
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert SECRET not in answer.text
