"""Keys of others on Azure: one seals the databases of a reef, another the database and the files of one cell on it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from warm import client, keys

from cellctl.cell import Cell
from cellctl.errors import GuardError
from cellctl.home import Home
from cellctl.reef import Reef
from cellctl.run.options import RunOptions
from cellctl_sandbox.clouds.database import Database

pytestmark = pytest.mark.turn(3, 1)

HEAD = """\
apiVersion: cellctl/v1
kind: {}
metadata: {{name: {}}}
spec:
  cloud: azure
  account: sandbox
  region: westeurope
"""


def key(root: Path, name: str) -> str:
    """Return the id of a key that another team has."""
    words = ("sandbox", "network", name, "--cloud", "azure", "--key", "--home", str(root))
    done = client.cellctl(*words, cwd=root)
    found = re.search(r"/subscriptions/\S+/keys/\w+", done.stdout)
    assert found, done.stderr
    return found[0]


def of(root: Path, cell: str, type_: str) -> list[dict[str, object]]:
    query = "SELECT inputs FROM objects WHERE type = ? AND cell = ? AND gone_s IS NULL"
    return [json.loads(str(row)) for (row,) in Database.open(root).rows(query, (type_, cell))]


def up(handle: Cell | Reef):
    return handle.up(ask=lambda *_: True, options=RunOptions(clock="stepped", start=client.operation))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("keys")
    made = Home(root)
    made.prepare()
    keys.give(root)
    made.write_file()
    shared, own = key(root, "hub"), key(root, "acme-hub")
    for folder in ("cells", "reefs"):
        (root / folder).mkdir(exist_ok=True)
    (root / "reefs" / "r1.yaml").write_text(HEAD.format("Reef", "r1") + f"  protection: {{key: {shared}}}\n")
    for name, said in (("acme", f"  protection: {{key: {own}}}\n"), ("globex", "")):
        (root / "cells" / f"{name}.yaml").write_text(HEAD.format("Cell", name) + "  placement: {reef: r1}\n" + said)
    assert up(Reef.open("r1", home=made)).result == "succeeded"
    return made


def test_a_reefs_servers_are_sealed_with_its_key_and_one_cells_database_with_its_own(home: Home) -> None:
    for name in ("acme", "globex"):
        outcome = up(Cell.open(name, home=home))
        assert outcome.result == "succeeded", outcome.failures
    (server,) = of(home.root, "reef-r1", "azure-native:sql:Server")
    (own,) = of(home.root, "acme", "azure-native:sql:Database")
    (plain,) = of(home.root, "globex", "azure-native:sql:Database")
    assert "/keys/cells/" in str(server["keyId"])
    assert "/keys/cells/" in str(own["encryptionProtector"])
    assert own["encryptionProtector"] != server["keyId"]
    assert "encryptionProtector" not in plain
    for handle in (Cell.open("acme", home=home), Reef.open("r1", home=home)):
        assert handle.preview(options=RunOptions(clock="stepped", start=client.operation)).empty


def test_a_cells_key_is_frozen_and_what_it_sealed_goes_with_it(home: Home) -> None:
    file, options = home.root / "cells" / "acme.yaml", RunOptions(clock="stepped", start=client.operation)
    text = file.read_text()
    file.write_text(text.replace("keys/cells", "keys/others"))
    with pytest.raises(GuardError) as refused:
        Cell.open("acme", home=home).preview(options=options)
    assert [one.code for one in refused.value.objections] == ["frozen_field"]
    file.write_text(text)
    gone = Cell.open("acme", home=home).down(ask=lambda *_: True, delete_data=True, options=options)
    assert gone.result == "succeeded", gone.failures
    (server,) = of(home.root, "reef-r1", "azure-native:sql:Server")
    assert "/keys/cells/" in str(server["keyId"])
