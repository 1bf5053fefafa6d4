"""Two cells with passwords on one reef of Azure: each opens its own database alone, and passwords take turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from warm import client, keys

from cellctl.cell import Cell
from cellctl.errors import GuardError
from cellctl.home import Home
from cellctl.reef import Reef
from cellctl.run.options import RunOptions
from cellctl.sqlserver.connection import Endpoint, Identity, SqlFailure
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.host import SandboxHost, open_host

pytestmark = pytest.mark.turn(3, 1)

HEAD = "apiVersion: cellctl/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"
BODY = "spec:\n  cloud: azure\n  account: sandbox\n  region: westeurope\n  {more}\n"


class Story:
    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.prepare()
        keys.give(root)
        self.home.write_file()
        self.options = RunOptions(clock="stepped", start=client.operation)
        self.write("Reef", "r1", "database: {authentication: sql}")
        for name in ("acme", "globex"):
            self.turn(name, 1)

    def write(self, kind: str, name: str, more: str) -> None:
        folder = self.home.root / ("reefs" if kind == "Reef" else "cells")
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.yaml").write_text(HEAD.format(kind=kind, name=name) + BODY.format(more=more))

    def turn(self, name: str, turn: int) -> None:
        self.write("Cell", name, f"placement: {{reef: r1}}\n  database: {{authentication: sql, passwordTurn: {turn}}}")

    def up(self, handle: Cell | Reef):
        outcome = handle.up(ask=lambda *_: True, options=self.options)
        assert outcome.result == "succeeded", outcome.failures
        return outcome

    def cell(self, name: str) -> Cell:
        return Cell.open(name, home=self.home)

    def sign_in(self, name: str) -> tuple[str, str, str]:
        """Return the database of a cell, and as whom with which secret its nodes open it."""
        told = self.cell(name).outputs()["database"]
        return told["name"], told["login"], told["passwordSecret"]

    @contextmanager
    def asked(self, name: str) -> Iterator[SandboxHost]:
        host = open_host(home=self.home.root, cell=name, cloud="azure", clock="stepped")
        try:
            yield host
        finally:
            host.close()

    def kept(self, reference: str) -> str:
        name = "globex" if "//kv-globex-" in reference else "acme"
        with self.asked(name) as host:
            return host.secrets.read(reference)

    def opens(self, database: str, login: str, secret: str) -> bool:
        """Sign in from outside, as anybody who has the password would."""
        server, password = str(self.cell("acme").outputs()["database"]["server"]), self.kept(secret)
        with self.asked("acme") as host, suppress(SqlFailure):
            endpoint = Endpoint(dialer=host.dialer, server=server, port=1433)
            with endpoint.opened(Identity(login=login, password=password), database) as connection:
                return connection.rows("SELECT DB_NAME(), IS_ROLEMEMBER(N'db_owner')") == [(database, 1)]
        return False


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    told = Story(tmp_path_factory.mktemp("passwords"))
    told.up(Reef.open("r1", home=told.home))
    for name in ("acme", "globex"):
        told.up(told.cell(name))
    return told


def test_each_cell_opens_its_own_database_and_not_the_others(story: Story) -> None:
    acme, globex = story.sign_in("acme"), story.sign_in("globex")
    assert (acme[1], globex[1]) == ("octo_acme_a", "octo_globex_a")
    assert story.opens(*acme)
    assert story.opens(*globex)
    assert not story.opens(globex[0], *acme[1:])
    assert not story.opens(acme[0], *globex[1:])
    assert not story.opens("master", *acme[1:])


def test_another_password_is_of_the_other_user_and_the_one_before_stays_good(story: Story) -> None:
    before, other = story.sign_in("acme"), story.sign_in("globex")
    story.turn("acme", 2)
    outcome = story.up(story.cell("acme"))
    assert outcome.changes["update"] == 5  # the database's users, and two machines with their scripts
    now = story.sign_in("acme")
    assert now == ("octo_acme_g1", "octo_acme_b", f"{before[2]}-2")
    assert story.opens(*now)
    assert story.opens(*before)
    assert not story.opens(other[0], *now[1:])
    assert story.cell("acme").preview(options=story.options).empty
    assert story.opens(*other)


def test_a_turn_is_neither_left_out_nor_taken_back(story: Story) -> None:
    for turn, code in ((4, "password_skipped"), (1, "password_older")):
        story.turn("acme", turn)
        with pytest.raises(GuardError) as refused:
            story.cell("acme").preview(options=story.options)
        assert [one.code for one in refused.value.objections] == [code]


def test_a_password_that_leaked_opens_nothing_two_turns_later(story: Story) -> None:
    first = ("octo_acme_g1", "octo_acme_a", story.sign_in("acme")[2].removesuffix("-2"))
    second = story.sign_in("acme")
    story.turn("acme", 3)
    story.up(story.cell("acme"))
    assert not story.opens(*first)
    assert story.opens(*second)
    third = story.sign_in("acme")
    assert third[1] == "octo_acme_a"
    assert story.opens(*third)


def test_no_password_is_in_a_state_or_in_the_clouds_objects(story: Story) -> None:
    references = [story.sign_in(name)[2] for name in ("acme", "globex")]
    values = [story.kept(reference) for reference in references]
    kept = "".join(str(one) for (one,) in Database.open(story.home.root).rows("SELECT inputs || outputs FROM objects"))
    states = [path.read_text(encoding="utf-8") for path in (story.home.root / ".cellctl" / "state").rglob("*.json")]
    assert states
    assert not [value for value in values if value in kept or any(value in state for state in states)]


def test_down_leaves_the_reef_as_it_was(story: Story) -> None:
    for name in ("acme", "globex"):
        down = story.cell(name).down(ask=lambda *_: True, delete_data=True, options=story.options)
        assert down.result == "succeeded", down.failures
    reef = Reef.open("r1", home=story.home)
    assert reef.down(ask=lambda *_: True, delete_data=True, options=story.options).result == "succeeded"
