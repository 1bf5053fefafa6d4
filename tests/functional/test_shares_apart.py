"""A cell on an AWS reef that places kinds of files on shares apart: up, beside another cell, found again, gone."""

from __future__ import annotations

import pytest
from prepared.written import OPTIONS, gone, home_of, inputs, up, write
from sqlalchemy import select

from cellctl.cell import Cell
from cellctl.errors import GuardError
from cellctl.home import Home
from cellctl.reef import Reef
from cellctl.registry.tables import share_slots
from cellctl.run import registering
from cellctl.run.registry import check, rebuild
from cellctl_sandbox.control import Control

pytestmark = pytest.mark.turn(3, 1)

PLACED = "  placement: {reef: r1}\n"
APART = "  storage: {kinds: {packages: {share: feed}, artifacts: {share: feed}, taskLogs: {share: logs}}}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = home_of(tmp_path_factory.mktemp("apart"))
    write(made, cloud="aws", reefs={"r1": ""}, cells={"acme": PLACED + APART, "globex": PLACED})
    outcome = up(Reef.open("r1", home=made))
    assert outcome.result == "succeeded", outcome.failures
    return made


def slots(home: Home) -> list[str]:
    with registering.opened(home) as database, database.read() as connection:
        return [
            str(one) for one in connection.execute(select(share_slots.c.state).order_by(share_slots.c.number)).scalars()
        ]


def test_it_has_three_pairs_although_it_is_killed_and_another_cell_has_the_next(home: Home) -> None:
    control = Control(home.root)
    control.add_fault({"type": "cellctl:aws:ShareAccess", "name": "acme-shares-files-2", "effect": "crash", "count": 1})
    assert up(Cell.open("acme", home=home)).result == "failed"
    for name in ("acme", "globex"):
        outcome = up(Cell.open(name, home=home))
        assert outcome.result == "succeeded", outcome.failures
    assert slots(home)[:5] == ["bound"] * 4 + ["available"]
    files = Cell.open("acme", home=home).outputs()["files"]
    shares = {str(one).partition("/")[0] for one in files["shares"].values()}  # type: ignore[index,call-overload,union-attr]
    assert shares == {"g1-01", "g1-02", "g1-03"}
    clients = [row["clients"] for row in inputs(home.root, "acme", "cellctl:aws:ShareAccess")]
    assert all(one == clients[0] for one in clients)
    assert Cell.open("acme", home=home).preview(options=OPTIONS).empty


def test_where_kinds_are_is_frozen_and_a_lost_registry_finds_all_three(home: Home) -> None:
    file = home.cell_file("acme")
    text = file.read_text()
    file.write_text(text.replace("taskLogs: {share: logs}", "imports: {share: logs}"))
    with pytest.raises(GuardError) as refused:
        Cell.open("acme", home=home).preview(options=OPTIONS)
    assert [one.code for one in refused.value.objections] == ["frozen_field"]
    file.write_text(text)
    home.registry_file.unlink()
    rebuild(home)
    assert check(home).violations == ()
    assert slots(home)[:4] == ["bound"] * 4
    assert Cell.open("acme", home=home).preview(options=OPTIONS).empty


def test_what_its_pairs_hold_is_given_to_nobody_when_it_goes(home: Home) -> None:
    outcome = gone(Cell.open("acme", home=home))
    assert outcome.result == "succeeded", outcome.failures
    assert slots(home)[:4] == ["quarantined"] * 3 + ["bound"]
