"""A key in AWS KMS that signs approvals: ed25519 (`ECC_NIST_EDWARDS25519`), or ECDSA on P-256 (`ECC_NIST_P256`).

Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html, 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from cellctl.errors import EngineError, UsageError

_ALGORITHMS = {"ECC_NIST_EDWARDS25519": "ED25519_SHA_512", "ECC_NIST_P256": "ECDSA_SHA_256"}
_HINT = "awskms:///alias/approvals?region=eu-west-1, or awskms:///KEY-ARN"


class KmsClient(Protocol):
    """The part of boto3's KMS client that is used here; parameter names are AWS's."""

    def get_public_key(self, *, KeyId: str) -> Mapping[str, object]:  # noqa: N803
        """Return `KeySpec` and `PublicKey`, a DER SubjectPublicKeyInfo."""

    def sign(self, *, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str) -> Mapping[str, object]:  # noqa: N803
        """Return `Signature`: 64 bytes (ed25519) or DER (ECDSA)."""


def open_signer(url: str, environment: Mapping[str, str]) -> KmsSigner:
    """Return the key at `awskms:///KEY?region=REGION`, asked as whoever AWS's own settings say this is.

    Raises:
        UsageError: The URL names no key or region (code `bad_key`).
    """
    import boto3

    parts = urlsplit(url)
    key = f"{parts.netloc}{parts.path}".strip("/")
    region = next(iter(parse_qs(parts.query).get("region", ())), "")
    region = region or (key.split(":")[3] if key.startswith("arn:") else environment.get("AWS_REGION", ""))
    if not key or not region:
        raise UsageError(f"{url} names no key or region", hint=_HINT, code="bad_key")
    return KmsSigner(boto3.client("kms", region_name=region), key)


class KmsSigner:
    """Signs with a key that never leaves KMS."""

    def __init__(self, client: KmsClient, key: str) -> None:
        self._client, self._key = client, key
        answer = _asked(lambda: client.get_public_key(KeyId=key))
        spec, public = str(answer["KeySpec"]), answer["PublicKey"]
        if spec not in _ALGORITHMS or not isinstance(public, bytes):
            message = f"the KMS key {key} is {spec}; approvals are signed with {' or '.join(_ALGORITHMS)}"
            raise UsageError(message, hint="make a key with KeyUsage SIGN_VERIFY of one of these", code="bad_key")
        self._spec, self._public = spec, public

    @property
    def public_key(self) -> bytes:
        """The public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Sign a message of at most 4096 bytes."""
        algorithm = _ALGORITHMS[self._spec]
        answer = _asked(
            lambda: self._client.sign(KeyId=self._key, Message=message, MessageType="RAW", SigningAlgorithm=algorithm)
        )
        signature = answer["Signature"]
        assert isinstance(signature, bytes)
        return signature


def _asked(call: Callable[[], Mapping[str, object]]) -> Mapping[str, object]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except (BotoCoreError, ClientError) as error:
        hint = "the key must exist in that region, and whoever approves needs kms:GetPublicKey and kms:Sign"
        raise EngineError(f"AWS KMS: {error}", hint=hint, code="signing_failed") from None
