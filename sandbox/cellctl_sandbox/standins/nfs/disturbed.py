"""What goes wrong with calls of NFS: a refusal in the protocol's own words, or no answer at all (RFC 1813)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from cellctl_sandbox.standins.nfs.files import MOUNT, NFS
from cellctl_sandbox.standins.nfs.rpc import Caller, Procedure, Program, Reader, number

NAMES: Mapping[tuple[int, int], Mapping[int, str]] = {
    MOUNT: {1: "MNT", 5: "EXPORT"},
    NFS: {
        1: "GETATTR", 2: "SETATTR", 3: "LOOKUP", 4: "ACCESS", 6: "READ", 7: "WRITE", 8: "CREATE", 12: "REMOVE",
        19: "FSINFO", 21: "COMMIT",
    },
}  # fmt: skip
STATUS: Mapping[str, int] = {
    "throttle": 10008, "capacity": 28, "quota": 69, "conflict": 17, "auth": 13, "invalid": 22, "not_found": 2,
}  # fmt: skip
"""Codes of the same meaning: a jukebox that asks for patience, no space, over quota, it exists, no access, invalid,
no entry; anything else is 10006, a fault of the server. Of these the mount service knows 13, 22, 2 and 10006."""
_FAULT = 10006
_MOUNT_STATUS = frozenset({2, 13, 22})
_UNCHANGED = frozenset({"SETATTR", "WRITE", "CREATE", "REMOVE", "COMMIT"})  # tell what was before and after: nothing
_CANNOT_FAIL = frozenset({"EXPORT"})

Disturb: TypeAlias = Callable[[str, Callable[[], bytes], Callable[[str], bytes]], bytes]
"""Answers an operation by its name: with what the second returns, or with a refusal for a kind of error.

Raises `NoAnswer`: the client hears nothing."""


def undisturbed(name: str, answer: Callable[[], bytes], refused: Callable[[str], bytes]) -> bytes:
    """Answer as ever."""
    del name, refused
    return answer()


def disturbed(programs: Mapping[tuple[int, int], Program], disturb: Disturb) -> dict[tuple[int, int], Program]:
    """Return programs whose named procedures go through `disturb`."""
    return {
        key: {place: _procedure(key, place, found, disturb) for place, found in procedures.items()}
        for key, procedures in programs.items()
    }


def _procedure(key: tuple[int, int], place: int, found: Procedure, disturb: Disturb) -> Procedure:
    name = NAMES[key].get(place, "")
    if not name:
        return found

    def refused(error: str) -> bytes:
        status = STATUS.get(error, _FAULT)
        if name in _CANNOT_FAIL:
            return number(0)
        if key == MOUNT:
            return number(status if status in _MOUNT_STATUS else _FAULT)
        rest = 0 if name == "GETATTR" else 2 if name in _UNCHANGED else 1
        return number(status) + number(0) * rest

    def called(call: Reader, caller: Caller) -> bytes:
        return disturb(name, lambda: found(call, caller), refused)

    return called
