"""Secrets at rest: the passphrase scheme of the Pulumi CLI, and sealing of whole property maps.

Key: PBKDF2-HMAC-SHA256(passphrase, salt, 1,000,000 rounds, 32 bytes). Value: `v1:<nonce>:<ciphertext and tag>`,
both base64, AES-256-GCM, 12-byte nonce, no associated data. The salt string `v1:<salt>:v1:<nonce>:<sealed "pulumi">`
lets a passphrase be checked. Measured: reference/engine.md 4.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cellctl.errors import CellctlError
from cellctl.state.files import write_atomically
from cellctl.state.values import SECRET, SIGNATURE, Struct, Value, is_secret

_ROUNDS = 1_000_000
_CHECK = "pulumi"


class WrongPassphrase(CellctlError):
    """The passphrase does not open this stack's secrets."""

    code = "wrong_passphrase"


class Sealer(Protocol):
    """Encrypts and decrypts single texts."""

    @property
    def kind(self) -> str:
        """Name of the secrets provider, as a checkpoint records it."""

    @property
    def state(self) -> Struct:
        """What a checkpoint must record so that the sealer can be made again; no secret."""

    def seal(self, text: str) -> str:
        """Return `text` encrypted."""

    def open(self, sealed: str) -> str:
        """Return the text that `sealed` holds; raises `WrongPassphrase` if it cannot be opened."""


@functools.lru_cache(maxsize=256)
def derive_key(passphrase: str, salt: bytes) -> bytes:
    """Derive a key of 32 bytes; cached, because one derivation costs as much CPU as a whole preview (0.24 s)."""
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ROUNDS, 32)


Derive = Callable[[str, bytes], bytes]
"""Passphrase and salt to key."""


class KeyFile:
    """Derives keys and remembers them in a file (0600), so that a process of a home does not derive them anew.

    Only for a passphrase that lies in clear beside the file, as that of a home does: who reads one may read the other.
    A file that cannot be read or written costs a derivation, no more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def beside(cls, passphrase_file: Path) -> KeyFile:
        """Return the one that lies beside a passphrase's file."""
        return cls(passphrase_file.with_name("derived"))

    def __call__(self, passphrase: str, salt: bytes) -> bytes:
        """Return the key of a passphrase and salt."""
        name = hmac.digest(passphrase.encode(), salt, "sha256").hex()
        known = self._known()
        if name not in known:
            known[name] = derive_key(passphrase, salt).hex()
            with suppress(OSError):
                write_atomically(self._path, json.dumps(known).encode())
        return bytes.fromhex(known[name])

    def _known(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            found = json.loads(self._path.read_text(encoding="ascii"))
            if isinstance(found, dict):
                return {str(name): str(key) for name, key in found.items() if _is_key(str(key))}
        return {}


def _is_key(text: str) -> bool:
    with suppress(ValueError):
        return len(bytes.fromhex(text)) == 32
    return False


def _sealed(cipher: AESGCM, text: str) -> str:
    nonce = secrets.token_bytes(12)
    body = cipher.encrypt(nonce, text.encode(), None)
    return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(body).decode()}"


class PassphraseSealer:
    """Sealer of a stack whose secrets provider is `passphrase`."""

    kind = "passphrase"

    def __init__(self, passphrase: str, salt: str, derive: Derive = derive_key) -> None:
        """Open the sealer for a salt string; raises `WrongPassphrase`."""
        parts = salt.split(":", 2)
        if len(parts) != 3 or parts[0] != "v1":
            raise WrongPassphrase("the encryption salt of this stack is malformed")
        self.salt = salt
        self._cipher = AESGCM(derive(passphrase, base64.b64decode(parts[1])))
        if self.open(parts[2]) != _CHECK:
            raise WrongPassphrase("incorrect passphrase")

    @classmethod
    def fresh(cls, passphrase: str, derive: Derive = derive_key) -> PassphraseSealer:
        """Return a sealer with a new random salt."""
        salt = secrets.token_bytes(8)
        check = _sealed(AESGCM(derive(passphrase, salt)), _CHECK)
        return cls(passphrase, f"v1:{base64.b64encode(salt).decode()}:{check}", derive)

    @property
    def state(self) -> Struct:
        """The salt string."""
        return {"salt": self.salt}

    def seal(self, text: str) -> str:
        """Return `text` encrypted under a random nonce."""
        return _sealed(self._cipher, text)

    def open(self, sealed: str) -> str:
        """Return the text that `sealed` holds."""
        try:
            version, nonce, body = sealed.split(":")
            if version != "v1":
                raise ValueError(version)
            return self._cipher.decrypt(base64.b64decode(nonce), base64.b64decode(body), None).decode()
        except (ValueError, InvalidTag):
            raise WrongPassphrase("incorrect passphrase") from None


class Vault:
    """Seals and opens property values with one Sealer, and remembers ciphertexts.

    An unchanged secret keeps its ciphertext, so that a checkpoint changes only where the state did. The memory is per
    scope (a URN), so equal secrets of two resources do not show as equal.
    """

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = sealer
        self._known: dict[tuple[str, str], str] = {}

    def seal(self, value: Value, scope: str) -> Value:
        """Return `value` with every secret sealed."""
        if is_secret(value):
            if "ciphertext" in value:
                return value
            text = json.dumps(opened_secret(value), separators=(",", ":"), ensure_ascii=False)
            sealed = self._known.get((scope, text))
            if sealed is None:
                sealed = self._known[scope, text] = self.sealer.seal(text)
            return {SIGNATURE: SECRET, "ciphertext": sealed}
        if isinstance(value, dict):
            return {key: self.seal(item, scope) for key, item in value.items()}
        if isinstance(value, list):
            return [self.seal(item, scope) for item in value]
        return value

    def open(self, value: Value, scope: str) -> Value:
        """Return `value` with every sealed secret opened; raises `WrongPassphrase`."""
        if is_secret(value):
            sealed, plain = value.get("ciphertext"), value.get("plaintext")
            if isinstance(plain, str):
                return {SIGNATURE: SECRET, "value": json.loads(plain)}
            if not isinstance(sealed, str) or not sealed:
                return value
            text = self.sealer.open(sealed)
            inner: Value = json.loads(text)
            again = json.dumps(opened_secret({"value": inner}), separators=(",", ":"), ensure_ascii=False)
            self._known[scope, again] = sealed
            return {SIGNATURE: SECRET, "value": inner}
        if isinstance(value, dict):
            return {key: self.open(item, scope) for key, item in value.items()}
        if isinstance(value, list):
            return [self.open(item, scope) for item in value]
        return value

    def seal_struct(self, struct: Struct, scope: str) -> Struct:
        """Return `struct` with every secret sealed."""
        return {key: self.seal(item, scope) for key, item in struct.items()}

    def open_struct(self, struct: Struct, scope: str) -> Struct:
        """Return `struct` with every sealed secret opened."""
        return {key: self.open(item, scope) for key, item in struct.items()}


def opened_secret(wrapper: Struct) -> Value:
    """Return what an opened secret wrapper holds; inner wrappers are dropped, for the whole is secret."""
    from cellctl.state.values import bare

    return bare(wrapper.get("value"))


def shown(value: Value) -> Value:
    """Return `value` with every opened secret as the CLI exports it: `plaintext` holds its JSON text."""
    if is_secret(value):
        text = json.dumps(opened_secret(value), separators=(",", ":"), ensure_ascii=False)
        return {SIGNATURE: SECRET, "plaintext": text}
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value
