"""Assets and archives: compared by hash, so that they are equal wherever a program's files lie."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from cellctl.state.values import ARCHIVE, ASSET, SIGNATURE, Struct, Value

_BLOCK = 512
_LONGEST_NAME = 100


def with_asset_hashes(value: Value) -> Value:
    """Return `value` with the sha256 of every text asset and archive of such filled in: they are compared by it."""
    if isinstance(value, list):
        return [with_asset_hashes(item) for item in value]
    if not isinstance(value, dict):
        return value
    text, kind = value.get("text"), value.get(SIGNATURE)
    if kind == ASSET and isinstance(text, str) and not value.get("hash"):
        return {**value, "hash": hashlib.sha256(text.encode()).hexdigest()}
    hashed = {key: with_asset_hashes(item) for key, item in value.items()}
    found = _archive_hash(hashed) if kind == ARCHIVE and not hashed.get("hash") else None
    return {**hashed, "hash": found} if found else hashed


def assets_by_hash(value: Value) -> Value:
    """Return `value` with assets and archives reduced to signature and hash, where it has one."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) in (ASSET, ARCHIVE) and value.get("hash"):
            return {SIGNATURE: value[SIGNATURE], "hash": value["hash"]}
        return {key: assets_by_hash(item) for key, item in value.items()}
    if isinstance(value, list):
        return [assets_by_hash(item) for item in value]
    return value


def _archive_hash(archive: Struct) -> str | None:
    """Return the hash that the CLI gives an archive of text assets, None of one with other things in it."""
    assets = archive.get("assets")
    if not isinstance(assets, dict) or not assets:
        return None
    texts: dict[str, str] = {}
    for name, asset in assets.items():
        text = asset.get("text") if isinstance(asset, dict) else None
        if not isinstance(text, str) or not name.isascii() or len(name) > _LONGEST_NAME:
            return None
        texts[name] = text
    return hashlib.sha256(tarred(texts)).hexdigest()


def tarred(texts: Mapping[str, str]) -> bytes:
    """Return the tar that the CLI makes of texts to hash them.

    They are in the order of their names, each with mode 0600 and no owner or time (as CLI v3.260.0 does, 2026-11).
    """
    files = ((name, text.encode()) for name, text in sorted(texts.items()))
    parts = (_tar_header(name, len(body)) + body + bytes(-len(body) % _BLOCK) for name, body in files)
    return b"".join(parts) + bytes(2 * _BLOCK)


def _tar_header(name: str, size: int) -> bytes:
    """Return the header of a file as Go's archive/tar writes it (USTAR)."""
    numbers = b"0000600\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"%011o\0" % 0
    start, rest = name.encode().ljust(_LONGEST_NAME, b"\0") + numbers, b"0" + bytes(100) + b"ustar\x0000" + bytes(64)
    rest += b"0000000\0" * 2
    unsummed = (start + b" " * 8 + rest).ljust(_BLOCK, b"\0")
    return (start + b"%06o\0 " % sum(unsummed) + rest).ljust(_BLOCK, b"\0")
