"""Homes of the witness to begin from, each made once."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import yaml

from cellctl.state.sealing import PassphraseSealer
from crashes import judge, landscape, warmth, witness
from crashes.drive import go_on
from crashes.points import command


class Templates:
    """Homes to begin from: `empty`, `made` (up, with data), `updated`, `drifted` (and one that somebody edited)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        empty, made, updated, drifted = (folder / name for name in ("empty", "made", "updated", "drifted"))
        empty.mkdir(parents=True)
        _in_child(lambda: (empty / "landscape.json").write_text(json.dumps(landscape.build_landscape(empty))))
        land = json.loads((empty / "landscape.json").read_text())
        shutil.copytree(empty, made)
        warmth.rehearse(made, command("up"), folder / "making.log")
        _share_key(made, empty)
        _in_child(lambda: witness.write_data(made, land))
        shutil.copytree(made, updated)
        _in_child(lambda: _update(updated))
        shutil.copytree(updated, drifted)
        _in_child(lambda: _drift(drifted))
        for home in (empty, made, updated, drifted):
            _put_together(home)
        warmth.freeze()

    def home(self, name: str, target: Path) -> Path:
        """Return a fresh copy of a template."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder / name, target)
        return target

    def walker(self, number: int) -> Path:
        """Return where a walker has its home."""
        return self.folder / f"walker-{number}"

    def rehearse(self, number: int) -> None:
        """Compile, in a walker, the statements of the registry of its home: its forks inherit them."""
        place = self.walker(number)
        warmth.run_here(self.home("empty", place), command("up"), place.with_suffix(".log"))
        warmth.freeze()


def _put_together(home: Path) -> None:
    """Write the log of a home's sandbox into its file: who opens a copy need not go through it."""
    with closing(sqlite3.connect(home / ".cellctl" / "sandbox.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _share_key(made: Path, empty: Path) -> None:
    """Give the empty home the key and salt of the other, and derive them here: every fork inherits the result."""
    private, stack = made / ".cellctl" / "pulumi", f"cell-{landscape.CELL}"
    key = (private / "key").read_text()
    salt = str(yaml.safe_load((private / stack / f"Pulumi.{stack}.yaml").read_text())["encryptionsalt"])
    target = empty / ".cellctl" / "pulumi"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in (("key", key), ("salt", salt)):
        (target / name).write_text(text)
    PassphraseSealer(key, salt)


def _in_child(work: object) -> None:
    assert callable(work)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert status == 0, "a preparation failed"


def _update(home: Path) -> None:
    ended = go_on(home, command("update"), home.with_suffix(".log"))
    assert ended.result == "succeeded", ended


def _drift(home: Path) -> None:
    from cellctl_sandbox.control import open_control

    share = judge.state_of(home).find(witness.SHARE)
    assert share is not None
    open_control(home).edit(share.id, "tags.owner", "somebody")
