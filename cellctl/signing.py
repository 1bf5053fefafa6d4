"""Keys that sign approvals, and their public halves as text: `ed25519:BASE64`, or `es256:BASE64` (ECDSA, P-256).

A private key is a PEM file, or stays in AWS KMS (`awskms://`) or Azure Key Vault (`azurekeyvault://`). Whoever checks a
signature needs the public half alone, and asks nobody.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Protocol, cast

from cellctl.errors import UsageError

SERVICES = {
    "awskms": "cellctl_provider.aws.signing:open_signer",
    "azurekeyvault": "cellctl_provider.azure.signing:open_signer",
}
"""Where keys may stay, by the scheme of their URL: an opener `(url, environment) -> Signer`, as MODULE:NAME."""
_OTHERS_MAY_READ = 0o077


class Signer(Protocol):
    """Somebody's private key."""

    @property
    def public_key(self) -> bytes:
        """Its public half, as a DER SubjectPublicKeyInfo."""

    def sign(self, message: bytes) -> bytes:
        """Return a signature: 64 bytes (ed25519), or DER (ECDSA with SHA-256)."""


def key_text(public_key: bytes) -> str:
    """Return a public key (DER SubjectPublicKeyInfo) as text.

    Raises:
        UsageError: It is of another kind (code `bad_key`).
    """
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

    key = load_der_public_key(public_key)
    if isinstance(key, Ed25519PublicKey):
        return f"ed25519:{_base64(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}"
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return f"es256:{_base64(key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))}"
    raise _bad_key("the key is neither ed25519 nor of the curve P-256")


def verified(key: str, signature: bytes, message: bytes) -> bool:
    """Tell whether the holder of the key (as text) signed the message; what is no key signed nothing."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    kind, _, text = key.partition(":")
    try:
        public = base64.b64decode(text, validate=True)
        if kind == "ed25519":
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        elif kind == "es256":
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public).verify(signature, message, ECDSA(SHA256()))
        else:
            return False
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def open_signer(reference: str, environment: Mapping[str, str]) -> Signer:
    """Return the key that a path or URL names; `environment` says as whom a service is asked.

    Raises:
        UsageError: There is no such key, others may read its file, or it is of another kind (code `bad_key`).
    """
    scheme, separator, _ = reference.partition("://")
    if not separator:
        return _FileSigner(Path(reference))
    if scheme not in SERVICES:
        raise _bad_key(f"keys are in files, or at {', '.join(f'{name}://' for name in SERVICES)}, not at {scheme}://")
    opener = cast("Callable[[str, Mapping[str, str]], Signer]", resolve_name(SERVICES[scheme]))
    return opener(reference, environment)


class _FileSigner:
    """A private key in a PEM file that nobody else may read."""

    def __init__(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            if path.stat().st_mode & _OTHERS_MAY_READ:
                raise _bad_key(f"others may read {path}", hint=f"chmod 600 {path}")
            key = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise _bad_key(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError):
            raise _bad_key(f"{path} is no private key in PEM without a passphrase") from None
        if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
            raise _bad_key(f"the key in {path} is neither ed25519 nor of the curve P-256")
        self._key: Ed25519PrivateKey | EllipticCurvePrivateKey = key

    @property
    def public_key(self) -> bytes:
        """The public half."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        """Sign."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self._key, EllipticCurvePrivateKey):
            return self._key.sign(message, ECDSA(SHA256()))
        return self._key.sign(message)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bad_key(message: str, *, hint: str = "openssl genpkey -algorithm ed25519 -out approver.pem") -> UsageError:
    return UsageError(message, hint=hint, code="bad_key")
