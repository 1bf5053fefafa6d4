"""The key of homes of tests: deriving one from a passphrase costs as much as a run of a small stack."""

from __future__ import annotations

import base64
import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cellctl.state.sealing import KeyFile, PassphraseSealer

_PASSPHRASE = "of-the-homes-of-tests"


@functools.cache
def _files() -> Mapping[str, bytes]:
    """Return what a home keeps of its key, by file name."""
    with tempfile.TemporaryDirectory() as folder:
        derive = KeyFile.beside(Path(folder) / "key")
        salt = PassphraseSealer.fresh(_PASSPHRASE, derive).salt
        assert derive(_PASSPHRASE, base64.b64decode(salt.split(":")[1]))
        derived = (Path(folder) / "derived").read_bytes()
    return {"key": _PASSPHRASE.encode(), "salt": salt.encode(), "derived": derived}


def give(home: Path) -> None:
    """Give a home in which nothing has run yet a key that is derived already."""
    folder = home / ".cellctl" / "pulumi"
    for part in (folder.parent, folder):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, data in _files().items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
