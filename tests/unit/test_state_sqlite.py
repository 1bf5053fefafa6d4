"""A new file that many open at once: each waits for its turn, although SQLite itself would not."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from cellctl.state.sqlite import write_ahead


def test_the_switch_waits_for_who_holds_the_file_and_gives_up_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as first:
        first.execute("CREATE TABLE t (x)")
        first.execute("BEGIN EXCLUSIVE")
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as second:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                write_ahead(second, 0.05)
            threading.Thread(target=lambda: (time.sleep(0.1), first.execute("COMMIT"))).start()
            write_ahead(second)
            assert second.execute("PRAGMA journal_mode").fetchone() == ("wal",)
