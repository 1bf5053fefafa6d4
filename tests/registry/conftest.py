"""Both databases of a registry: a SQLite file, and a PostgreSQL server that is started once for each test process."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.queues
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cellctl.registry.database import Database
from cellctl.registry.migrating import migrate
from cellctl.testing.postgres import Server, serving

_PRELOADED = ["cellctl.registry.leases", "cellctl.registry.claims", "psycopg"]
_FORKS = multiprocessing.get_context("forkserver")
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """Return the name of a migrated database that others are copies of."""
    database = Database(server.database("template_registry"))
    migrate(database)
    database.close()
    return "template_registry"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Return `sqlite` and then `postgresql`: a test that uses it runs on both."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a database without any tables."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    running: Server = request.getfixturevalue("server")
    return running.database(f"empty_{next(_numbers)}")


@pytest.fixture
def url(kind: str, empty_url: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of a migrated, empty registry."""
    if kind == "sqlite":
        database = Database(empty_url)
        migrate(database)
        database.close()
        return empty_url
    running: Server = request.getfixturevalue("server")
    return running.database(f"copy_{next(_numbers)}", template=request.getfixturevalue("template"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    found = Database(url)
    yield found
    found.close()


@pytest.fixture
def another(url: str) -> Iterator[Callable[[], Database]]:
    """Return what opens the same registry once more, as another process would."""
    opened: list[Database] = []

    def open_() -> Database:
        opened.append(Database(url))
        return opened[-1]

    yield open_
    for found in opened:
        found.close()


class Helper:
    """Another process, which runs `code` with `words` and may `say` one value."""

    def __init__(self, code: str, words: tuple[str, ...]) -> None:
        self._said: multiprocessing.queues.SimpleQueue[object] = _FORKS.SimpleQueue()
        self._process = _FORKS.Process(target=_play, args=(code, words, self._said), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def heard(self) -> object:
        """Return what it says; fails where it ended without a word."""
        while self._said.empty():
            if self._process.exitcode is not None and self._said.empty():
                pytest.fail(f"a helper ended with {self._process.exitcode}")
            time.sleep(0.002)
        return self._said.get()

    def kill(self) -> None:
        """Kill it, and wait until nothing of it is left."""
        self._process.kill()
        self._process.join()
        while Path(f"/proc/{self.pid}").exists():
            time.sleep(0.002)


def _play(code: str, words: tuple[str, ...], said: multiprocessing.queues.SimpleQueue[object]) -> None:
    exec(code, {"words": words, "say": said.put})


@pytest.fixture
def crowd() -> Iterator[Callable[..., Helper]]:
    """Return what starts other processes; they are forks of one that has loaded what they need."""
    _FORKS.set_forkserver_preload(_PRELOADED)
    helpers: list[Helper] = []

    def start(code: str, *words: str) -> Helper:
        helpers.append(Helper(code, words))
        return helpers[-1]

    yield start
    for helper in helpers:
        helper.kill()
