"""Read one file from the disk, safely: small, text, UTF-8. Everything wrong is a SpecError."""

from __future__ import annotations

from pathlib import Path

from cellctl.errors import Problem, SpecError
from cellctl.spec import tree

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read(path: Path) -> str:
    """Return the text of a file.

    At most `tree.MAX_BYTES` + 1 bytes are read, so a huge or endless file is refused at once.

    Raises:
        SpecError: Missing, a directory, not readable, too large, or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise _wrong(path, f"is {kind}; a file is needed")
        with path.open("rb") as file:
            data = file.read(tree.MAX_BYTES + 1)
    except FileNotFoundError:
        raise _wrong(path, "there is no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _wrong(path, f"cannot be read: {reason}") from None
    if len(data) > tree.MAX_BYTES:
        raise _wrong(path, f"is larger than {tree.MAX_BYTES // 1024} KiB; that is no file of cellctl")
    return decode(data, shown(path))


def shown(path: Path) -> str:
    """Return a path as messages show it: relative where it is below the working directory."""
    try:
        here = Path.cwd()
    except OSError:
        return str(path)
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)


def decode(data: bytes, file: str) -> str:
    """Return UTF-8 text, with or without a byte order mark; else SpecError with the place of the first wrong byte."""
    if data.startswith(_UTF16):
        raise SpecError([Problem(message="is UTF-16; save it as UTF-8", file=file, line=1, column=1)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", errors="replace")) + 1
        message = f"is not UTF-8: byte 0x{data[error.start]:02x} here"
        problem = Problem(message=message, hint="save the file as UTF-8", file=file, line=line, column=column)
        raise SpecError([problem]) from None


def _wrong(path: Path, message: str) -> SpecError:
    return SpecError([Problem(message=message, file=shown(path), line=1, column=1)])
