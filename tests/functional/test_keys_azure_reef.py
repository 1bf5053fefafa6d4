"""Keys of others on Azure: one seals the databases of a reef, another the database and the files of one cell on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prepared.written import OPTIONS, gone, home_of, inputs, up, write
from warm import client

from cellctl.cell import Cell
from cellctl.errors import GuardError
from cellctl.home import Home
from cellctl.reef import Reef

pytestmark = pytest.mark.turn(3, 1)

DATABASE, SERVER = "azure-native:sql:Database", "azure-native:sql:Server"


def key(root: Path, name: str) -> str:
    """Return the id of a key that another team has."""
    words = ("sandbox", "network", name, "--cloud", "azure", "--key", "--home", str(root))
    done = client.cellctl(*words, cwd=root)
    found = re.search(r"/subscriptions/\S+/keys/\w+", done.stdout)
    assert found, done.stderr
    return found[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = home_of(tmp_path_factory.mktemp("keys"))
    shared, own = key(made.root, "hub"), key(made.root, "acme-hub")
    placed = "  placement: {reef: r1}\n"
    write(
        made,
        reefs={"r1": f"  protection: {{key: {shared}}}\n"},
        cells={"acme": f"{placed}  protection: {{key: {own}}}\n", "globex": placed},
    )
    assert up(Reef.open("r1", home=made)).result == "succeeded"
    return made


def test_a_reefs_servers_are_sealed_with_its_key_and_one_cells_database_with_its_own(home: Home) -> None:
    for name in ("acme", "globex"):
        outcome = up(Cell.open(name, home=home))
        assert outcome.result == "succeeded", outcome.failures
    (server,) = inputs(home.root, "reef-r1", SERVER)
    (own,), (plain,) = inputs(home.root, "acme", DATABASE), inputs(home.root, "globex", DATABASE)
    assert "/keys/cells/" in str(server["keyId"])
    assert "/keys/cells/" in str(own["encryptionProtector"])
    assert own["encryptionProtector"] != server["keyId"]
    assert "encryptionProtector" not in plain
    for handle in (Cell.open("acme", home=home), Reef.open("r1", home=home)):
        assert handle.preview(options=OPTIONS).empty


def test_a_cells_key_is_frozen_and_what_it_sealed_goes_with_it(home: Home) -> None:
    file = home.cell_file("acme")
    text = file.read_text()
    file.write_text(text.replace("keys/cells", "keys/others"))
    with pytest.raises(GuardError) as refused:
        Cell.open("acme", home=home).preview(options=OPTIONS)
    assert [one.code for one in refused.value.objections] == ["frozen_field"]
    file.write_text(text)
    outcome = gone(Cell.open("acme", home=home))
    assert outcome.result == "succeeded", outcome.failures
    (server,) = inputs(home.root, "reef-r1", SERVER)
    assert "/keys/cells/" in str(server["keyId"])
