"""A store of objects in a folder, with the conditional writes of S3: any number of processes use it at once."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellctl.state.files import write_atomically
from cellctl.state.objects import Stored


class FolderObjects:
    """Satisfies `cellctl.state.objects.Objects`; the tag of an object is a digest of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> Stored:
        """Return an object."""
        path = self._folder / name
        data = path.read_bytes() if path.exists() else b""
        return Stored(data=data, tag=_tag(data) if data else "", now=time.time())

    def write(self, name: str, data: bytes, *, over: str) -> bool:
        """Write an object over the one that was read."""
        with self._alone():
            if self.read(name).tag != over:
                return False
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
