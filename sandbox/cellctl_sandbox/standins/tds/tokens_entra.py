"""The sandbox's stand-in for Entra ID: signs access tokens, and checks them by their signature.

The signing key is kept in a folder of the home so that every process of it agrees; without a folder it lives as long
as the object. Tokens are ES256 JSON web tokens with the claims that Azure SQL looks at: aud, exp, appid, oid, groups.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

DATABASE_AUDIENCE = "https://database.windows.net/"
_FILE = "token-issuer.pem"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bearer:
    """Who a token speaks for. Ids are lower-case GUIDs; `client_id` is empty for a person."""

    object_id: str
    client_id: str = ""
    name: str = ""
    groups: Sequence[str] = ()

    def ids(self) -> set[str]:
        """Return every id by which this bearer may be known."""
        return {one.casefold() for one in (self.object_id, self.client_id, *self.groups) if one}

    def sids(self) -> list[str]:
        """Return security identifiers as a database holds them: of the client id, the object id, the groups."""
        return [sid_of(one) for one in (self.client_id, self.object_id, *self.groups) if one]


class BadToken(Exception):
    """The token is not one of this issuer, for this audience, now."""


def sid_of(guid: str) -> str:
    """Return the security identifier of an Entra principal: its id's bytes as upper-case hex."""
    return uuid.UUID(guid).bytes_le.hex().upper()


class TokenIssuer:
    """Issues and checks access tokens."""

    def __init__(self, folder: Path | None = None) -> None:
        pem = _new_key() if folder is None else _kept(folder)
        loaded = serialization.load_pem_private_key(pem, password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded

    def issue(self, bearer: Bearer, *, audience: str = DATABASE_AUDIENCE, lifetime_s: float = 3600.0) -> str:
        """Return a token for `bearer`; a secret."""
        claims = {
            "aud": audience,
            "exp": int(time.time() + lifetime_s),
            "oid": bearer.object_id,
            "appid": bearer.client_id,
            "name": bearer.name,
            "groups": list(bearer.groups),
        }
        signed = f"{_b64(_json({'alg': 'ES256', 'typ': 'JWT'}))}.{_b64(_json(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def check(self, token: str, *, audience: str = DATABASE_AUDIENCE) -> Bearer:
        """Return whom a token speaks for, or raise `BadToken`."""
        try:
            signed, _, signature = token.rpartition(".")
            raw = _unb64(signature)
            wrapped = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
            self._key.public_key().verify(wrapped, signed.encode(), ec.ECDSA(hashes.SHA256()))
            claims = json.loads(_unb64(signed.partition(".")[2]))
        except (InvalidSignature, ValueError):
            raise BadToken("the signature is not the issuer's") from None
        if str(claims["aud"]).rstrip("/") != audience.rstrip("/") or int(claims["exp"]) < time.time():
            raise BadToken("the token is for another audience, or too old")
        return Bearer(
            object_id=str(claims["oid"]),
            client_id=str(claims["appid"]),
            name=str(claims["name"]),
            groups=tuple(str(group) for group in claims["groups"]),
        )


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _kept(folder: Path) -> bytes:
    path = folder / _FILE
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=folder, prefix=".issuer-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(_new_key())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)  # atomic, and fails where another process was first
    Path(draft).unlink()
    return path.read_bytes()
