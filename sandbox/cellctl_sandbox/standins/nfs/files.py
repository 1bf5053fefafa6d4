"""The procedures of NFS version 3 and of its mount service over the shares of one gateway (RFC 1813).

Files stand directly in a share: folders are refused as not supported, which nothing here asks for.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

from cellctl_sandbox.standins.bucket_objects import BucketObjects
from cellctl_sandbox.standins.nfs.rpc import Caller, Program, Reader, number, opaque

MOUNT, NFS = (100005, 3), (100003, 3)
OK, NO_ENTRY, DENIED, NOT_A_FILE, STALE, UNSUPPORTED = 0, 2, 13, 21, 70, 10004
_ROOT_SQUASHED = 65534
_READ, _WRITE = 4, 2
_FILE, _FOLDER = 1, 2
_LARGEST = 1024 * 1024
_NONE = number(0)
_NO_WCC = _NONE + _NONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A share as its clients see it now. `refusal` is what each call is answered with, 0 for nothing."""

    id: str
    name: str
    bucket: str
    owner: int = 65534
    group: int = 65534
    folder_mode: int = 0o777
    file_mode: int = 0o666
    read_only: bool = False
    refusal: int = 0

    def may(self, caller: Caller, mode: int, wanted: int) -> bool:
        """Tell whether a caller may read or write by a mode; root is nobody here (RootSquash)."""
        uid, gid = (_ROOT_SQUASHED if one == 0 else one for one in (caller.uid, caller.gid))
        shift = 6 if uid == self.owner else 3 if gid == self.group else 0
        return bool((mode >> shift) & wanted) and not (self.read_only and wanted == _WRITE)


class ShareFiles:
    """Answers for one gateway; `exports` gives its shares as they are at each call."""

    def __init__(self, exports: Callable[[], list[Export]], objects: BucketObjects) -> None:
        self._exports = exports
        self._objects = objects

    def programs(self) -> dict[tuple[int, int], Program]:
        """Return both programs; one port may serve them."""
        return {
            MOUNT: {0: _null, 1: self.mount, 3: _null, 5: self.listed},
            NFS: {
                0: _null, 1: self.attributes, 2: self.change, 3: self.look_up, 4: self.access, 6: self.read,
                7: self.write, 8: self.create, 12: self.remove, 19: self.information, 21: self.commit,
            },
        }  # fmt: skip

    def mount(self, call: Reader, caller: Caller) -> bytes:
        """Return the handle of a share's root to a client that it admits."""
        del caller
        path = call.opaque().decode("utf-8", "replace").strip("/")
        export = next((one for one in self._exports() if one.name == path), None)
        if export is None or export.refusal:
            return number(export.refusal if export else NO_ENTRY)
        return number(OK) + opaque(_handle(export)) + number(1) + number(1)

    def listed(self, call: Reader, caller: Caller) -> bytes:
        """EXPORT: the shares, open or not, without the groups that may mount them."""
        del call, caller
        rows = (number(1) + opaque(f"/{one.name}".encode()) + _NONE for one in self._exports())
        return b"".join(rows) + _NONE

    def attributes(self, call: Reader, caller: Caller) -> bytes:
        """GETATTR."""
        del caller
        export, key = self._found(call.opaque())
        if export is None or key is None:
            return number(STALE)
        return number(export.refusal) if export.refusal else number(OK) + self._attributes(export, key)

    def change(self, call: Reader, caller: Caller) -> bytes:
        """SETATTR: only the size of a file is ever another one."""
        export, key = self._found(call.opaque())
        for _mode_owner_group in range(3):
            if call.number():
                call.number()
        size = call.long() if call.number() else None
        if not export or not key or export.refusal or not export.may(caller, export.file_mode, _WRITE):
            return number(_refusal(export, key)) + _NO_WCC
        if size is not None:
            body = self._objects.files(export.bucket)[key]
            self._objects.put(export.bucket, key, body[:size].ljust(size, b"\0"))
        return number(OK) + _NO_WCC

    def look_up(self, call: Reader, caller: Caller) -> bytes:
        """LOOKUP: a file of the root by its name."""
        export, name, refusal = self._named(call, caller, _READ)
        if export is None or refusal or name not in self._objects.files(export.bucket):
            return number(refusal or NO_ENTRY) + _NONE
        return number(OK) + opaque(_handle(export, name)) + self._post(export, name) + _NONE

    def access(self, call: Reader, caller: Caller) -> bytes:
        """ACCESS: which of the asked rights a caller has; read is 1, change is 4, 8 and 16."""
        export, key = self._found(call.opaque())
        asked = call.number()
        if export is None or key is None:
            return number(STALE) + _NONE
        mode = export.file_mode if key else export.folder_mode
        granted = (3 if export.may(caller, mode, _READ) else 0) | (28 if export.may(caller, mode, _WRITE) else 0)
        return number(OK) + self._post(export, key) + number(asked & granted)

    def read(self, call: Reader, caller: Caller) -> bytes:
        """READ."""
        export, key = self._found(call.opaque())
        offset, count = call.long(), call.number()
        if not export or not key or export.refusal or not export.may(caller, export.file_mode, _READ):
            return number(_refusal(export, key)) + _NONE
        body = self._objects.files(export.bucket)[key]
        part = body[offset : offset + min(count, _LARGEST)]
        ended = offset + len(part) >= len(body)
        return number(OK) + self._post(export, key) + number(len(part)) + number(int(ended)) + opaque(part)

    def write(self, call: Reader, caller: Caller) -> bytes:
        """WRITE: taken by the gateway's cache at once, and uploaded a moment later."""
        export, key = self._found(call.opaque())
        offset, _, _, data = call.long(), call.number(), call.number(), call.opaque()
        if not export or not key or export.refusal or not export.may(caller, export.file_mode, _WRITE):
            return number(_refusal(export, key)) + _NO_WCC
        body = self._objects.files(export.bucket)[key].ljust(offset, b"\0")
        self._objects.put(export.bucket, key, body[:offset] + data + body[offset + len(data) :])
        return number(OK) + _NO_WCC + number(len(data)) + number(2) + b"\0" * 8

    def create(self, call: Reader, caller: Caller) -> bytes:
        """CREATE: a file that is there stays as it is."""
        export, name, refusal = self._named(call, caller, _WRITE)
        if export is None or refusal:
            return number(refusal or STALE) + _NO_WCC
        if name not in self._objects.files(export.bucket):
            self._objects.put(export.bucket, name, b"")
        return number(OK) + number(1) + opaque(_handle(export, name)) + self._post(export, name) + _NO_WCC

    def remove(self, call: Reader, caller: Caller) -> bytes:
        """REMOVE: what S3 keeps of it is a marker and its versions."""
        export, name, refusal = self._named(call, caller, _WRITE)
        if export is None or refusal or name not in self._objects.files(export.bucket):
            return number(refusal or NO_ENTRY) + _NO_WCC
        self._objects.put(export.bucket, name, None)
        return number(OK) + _NO_WCC

    def information(self, call: Reader, caller: Caller) -> bytes:
        """FSINFO: how much is read and written at once."""
        del caller
        export, key = self._found(call.opaque())
        if export is None or key is None:
            return number(STALE) + _NONE
        sizes = struct.pack(">7IQ2II", *[_LARGEST, _LARGEST, 4096] * 2, 4096, 1 << 62, 0, 1, 0x1B)
        return number(OK) + self._post(export, key) + sizes

    def commit(self, call: Reader, caller: Caller) -> bytes:
        """COMMIT: every write is kept already."""
        del caller
        export, key = self._found(call.opaque())
        return number(OK if export and key else STALE) + _NO_WCC + (b"\0" * 8 if export and key else b"")

    def _named(self, call: Reader, caller: Caller, wanted: int) -> tuple[Export | None, str, int]:
        """Return the share and the name that a call is about, and why it is refused, 0 if it is not."""
        export, key = self._found(call.opaque())
        name = call.opaque().decode("utf-8", "replace")
        if export is None or key is None:
            return None, name, STALE
        if key or "/" in name:
            return export, name, UNSUPPORTED
        allowed = export.may(caller, export.folder_mode, wanted)
        return export, name, export.refusal or (0 if allowed else DENIED)

    def _found(self, handle: bytes) -> tuple[Export | None, str | None]:
        """Return the share of a handle and the file in it: `` for the root, None for what is gone."""
        share, _, digest = handle.partition(b"/")
        export = next((one for one in self._exports() if one.id.encode() == share), None)
        if export is None or not digest:
            return export, "" if export else None
        names = self._objects.files(export.bucket)
        return export, next((name for name in names if _handle(export, name) == handle), None)

    def _post(self, export: Export, key: str) -> bytes:
        return number(1) + self._attributes(export, key)

    def _attributes(self, export: Export, key: str) -> bytes:
        size = len(self._objects.files(export.bucket).get(key, b"")) if key else 4096
        mode, kind = (export.file_mode, _FILE) if key else (export.folder_mode, _FOLDER)
        inode = int.from_bytes(hashlib.sha256(_handle(export, key)).digest()[:8])
        head = struct.pack(">5I2Q", kind, mode, 1, export.owner, export.group, size, size)
        return head + struct.pack(">2I2Q6I", 0, 0, 1, inode, *[0] * 6)


def _handle(export: Export, key: str = "") -> bytes:
    digest = hashlib.sha256(key.encode()).hexdigest()[:32].encode() if key else b""
    return export.id.encode() + (b"/" + digest if digest else b"")


def _refusal(export: Export | None, key: str | None) -> int:
    if export is None or key is None:
        return STALE
    return export.refusal or (DENIED if key else NOT_A_FILE)


def _null(call: Reader, caller: Caller) -> bytes:
    del call, caller
    return b""
