"""A certificate of the cell's own, for cells whose file names none: self-signed, for tests and private use. Pure."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

VALID_DAYS = 825
"""The longest that browsers on macOS accept for a server certificate (Apple HT210176, from memory)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPair:
    """PEM text. `private_key` is a secret."""

    certificate: str
    private_key: str


def self_signed(host: str, *, now: datetime.datetime) -> KeyPair:
    """Return a P-256 certificate for `host` and the names below it, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has at most 64 characters; clients read the alternative names.
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host if len(host) <= 64 else "Octopus cell")])
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.DNSName(f"*.{host}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(certificate=certificate.public_bytes(pem).decode(), private_key=private.decode())
