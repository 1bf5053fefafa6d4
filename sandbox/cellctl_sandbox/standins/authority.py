"""The sandbox's certificate authority: stand-ins present certificates of it, clients trust nothing else.

The certificate and key of the authority are kept in a folder of the home so that `sandbox serve` and operation
processes agree; without a folder they live as long as the object.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=3650)
_FILE = "authority.pem"


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """A server certificate with its chain, and its private key: PEM, key unencrypted. The key is a secret."""

    certificate: bytes
    key: bytes


class Authority:
    """Issues server certificates for any name or address of the sandbox; safe to use from many threads.

    `folder` is where the authority is kept (created 0700, file 0600), None for one that lives in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._issued: dict[tuple[str, ...], Credential] = {}
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        pem = _kept(folder) if folder is not None else _new_authority()
        loaded = serialization.load_pem_private_key(pem, password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded
        self._certificate = x509.load_pem_x509_certificate(pem)

    @property
    def trust_anchor(self) -> str:
        """PEM text of the CA certificate: what `Route.trust_anchor` carries."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def credential(self, *names: str) -> Credential:
        """Return the certificate and key of a server that is called `names` (DNS names, wildcards or addresses)."""
        with self._lock:
            if names not in self._issued:
                self._issued[names] = self._issue(names)
            return self._issued[names]

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return a server-side TLS context (1.2 or later) for `names`."""
        credential = self.credential(*names)
        with self._lock:
            if names not in self._contexts:
                self._contexts[names] = _context(credential)
            return self._contexts[names]

    def context_by_server_name(self, default: str) -> ssl.SSLContext:
        """Return a context that answers with a certificate for whatever name the client asks for (SNI).

        A client that names nothing gets the certificate of `default`.
        """
        context = _context(self.credential(default))

        def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            if name:
                connection.context = self.server_context(name)

        context.sni_callback = choose
        return context

    def _issue(self, names: tuple[str, ...]) -> Credential:
        key_identifier = x509.SubjectKeyIdentifier.from_public_key(self._leaf_key.public_key())
        builder = (
            _builder(self._leaf_key.public_key(), _subject(names[0]), self._certificate.subject)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(key_identifier, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        signed = builder.sign(self._key, hashes.SHA256())
        chain = signed.public_bytes(serialization.Encoding.PEM) + self.trust_anchor.encode()
        return Credential(certificate=chain, key=_key_bytes(self._leaf_key))


def _context(credential: Credential) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    descriptor, path = tempfile.mkstemp(prefix="cellctl-")  # 0600; `ssl` loads from files only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(credential.key + credential.certificate)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()
    return context


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _general_name(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(key: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _new_authority() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject("cellctl sandbox (nothing real)")
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(key.public_key(), subject, subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _key_bytes(key) + certificate.public_bytes(serialization.Encoding.PEM)


def _kept(folder: Path) -> bytes:
    """Return the authority kept in `folder`, made on first use; two processes at once agree on the first."""
    path = folder / _FILE
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return _publish(path, _new_authority)


def _publish(path: Path, make: Callable[[], bytes]) -> bytes:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".authority-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # atomic, and fails where another process was first
    finally:
        Path(draft).unlink()
    return path.read_bytes()
