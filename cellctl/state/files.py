"""Writing files so that a crash, a full disk or a read-only folder leaves the previous content."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

Pieces = Sequence[bytes]
"""The content of a file in pieces: a large one is neither joined nor encoded anew for each write."""


class Disk:
    """The four calls that a durable write is made of, in this order; a test's disk fails or ends in one of them."""

    def write(self, descriptor: int, data: Pieces) -> None:
        """Write all of `data`."""
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.writelines(data)

    def sync(self, descriptor: int) -> None:
        """Wait until the content of a file is on the disk."""
        os.fsync(descriptor)

    def rename(self, path: Path, target: Path) -> None:
        """Put a file in the place of another, at once."""
        path.replace(target)

    def sync_folder(self, folder: Path) -> None:
        """Make renames in `folder` durable; where a file system cannot, that is no error."""
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


DISK = Disk()


def write_atomically(path: Path, data: bytes | Pieces, *, mode: int = 0o600, disk: Disk = DISK) -> None:
    """Replace the content of `path` by `data`, durably: temporary file, fsync, rename, fsync of the folder.

    A reader sees the old or the new content, never a mixture. Raises OSError with `path` unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            disk.write(descriptor, (data,) if isinstance(data, bytes) else data)
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
        disk.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    disk.sync_folder(path.parent)
