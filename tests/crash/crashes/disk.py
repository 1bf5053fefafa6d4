"""A small world whose checkpoints go to a disk that fails: `disk.json` in the home says in which call, and how.

`disk.log` beside it tells the calls.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

from cellctl.state.files import Disk, Pieces
from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.testing.small_world import SmallFactory, SmallHost


class FailingDisk(Disk):
    """A disk on which every call named `where` fails with `number`, from the `after`-th one on."""

    def __init__(self, log: Path, where: str, number: int, after: int = 0) -> None:
        self._log, self._where, self._number, self._left = log, where, number, after

    def _fail(self, where: str) -> None:
        with self._log.open("a") as file:
            file.write(f"{where}\n")
        if where == self._where:
            self._left -= 1
            if self._left < 0:
                raise OSError(self._number, os.strerror(self._number))

    def write(self, descriptor: int, data: Pieces) -> None:
        whole = b"".join(data)
        super().write(descriptor, (whole[: len(whole) // 2],))
        self._fail("write")
        super().write(descriptor, (whole[len(whole) // 2 :],))

    def sync(self, descriptor: int) -> None:
        self._fail("sync")
        super().sync(descriptor)

    def rename(self, path: Path, target: Path) -> None:
        self._fail("rename")
        super().rename(path, target)

    def sync_folder(self, folder: Path) -> None:
        self._fail("sync_folder")
        super().sync_folder(folder)


def open_host(*, home: Path, cell: str, cloud: str, clock: str = "") -> SmallHost:
    """Open a small world on the disk that `disk.json` describes, on a good one without."""
    host = SmallHost(home, cell, cloud)
    path = home / "disk.json"
    if path.exists():
        given = json.loads(path.read_text())
        disk = FailingDisk(home / "disk.log", given["where"], getattr(errno, given["error"]), given["after"])
        host.command = EmbeddedCommand({"small": SmallFactory(host.world)}, disk=disk)
    return host
