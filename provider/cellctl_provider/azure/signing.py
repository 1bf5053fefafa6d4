"""A key in Azure Key Vault that signs approvals: ECDSA on P-256 (ES256). Key Vault has no ed25519.

Source: https://learn.microsoft.com/azure/key-vault/keys/about-keys-details (EC-P256: ES256) and the REST reference of
`sign`, API version 7.4, 2026-11-29.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

import httpx

from cellctl.errors import EngineError, UsageError
from cellctl_provider.azure.federation import WHERE, AzureRefused, answer, token

_URL = re.compile(
    r"azurekeyvault://(?P<host>[a-z0-9-]{3,24}\.vault\.azure\.net)/keys/(?P<key>[0-9a-zA-Z-]+(/[0-9a-f]{32})?)"
)
_API_VERSION = "7.4"
_WHO = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", WHERE)
_TIMEOUT_S = 30.0


def open_signer(url: str, environment: Mapping[str, str]) -> KeyVaultSigner:
    """Return the key at `azurekeyvault://VAULT.vault.azure.net/keys/NAME[/VERSION]`, asked as a federated identity.

    Raises:
        UsageError: The URL names no key, or the environment no identity (code `bad_key`).
    """
    match = _URL.fullmatch(url)
    if match is None:
        hint = "azurekeyvault://VAULT.vault.azure.net/keys/NAME"
        raise UsageError(f"{url} names no key of a vault", hint=hint, code="bad_key")
    missing = [name for name in _WHO if not environment.get(name)]
    if missing:
        hint = "sign in by workload identity, or use a key in a file or in AWS KMS"
        raise UsageError(f"{', '.join(missing)} say who asks Key Vault, and are not set", hint=hint, code="bad_key")
    client = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
    return KeyVaultSigner(client, f"https://{match['host']}/keys/{match['key']}", _token(client, environment))


class KeyVaultSigner:
    """Signs with a key that never leaves its vault."""

    def __init__(self, client: httpx.Client, key: str, token: str) -> None:
        self._client, self._token = client, token
        answer = self._asked("GET", key)["key"]
        assert isinstance(answer, dict)
        if answer.get("kty") not in ("EC", "EC-HSM") or answer.get("crv") != "P-256":
            message = f"{key} is no key of the curve P-256, the one that Key Vault and approvals have in common"
            raise UsageError(message, hint="az keyvault key create --kty EC --curve P-256", code="bad_key")
        self._x, self._y = _number(answer["x"]), _number(answer["y"])
        self._key = str(answer["kid"])  # with its version: a rotation meanwhile must not sign with another key

    @property
    def public_key(self) -> bytes:
        """The public half."""
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = EllipticCurvePublicNumbers(self._x, self._y, SECP256R1()).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        """Sign; the vault gets the digest, and its two numbers become DER."""
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        value = base64.urlsafe_b64encode(hashlib.sha256(message).digest()).decode().rstrip("=")
        answer = self._asked("POST", f"{self._key}/sign", {"alg": "ES256", "value": value})
        pair = _bytes(answer["value"])
        return encode_dss_signature(int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big"))

    def _asked(self, method: str, url: str, body: Mapping[str, str] | None = None) -> Mapping[str, object]:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            return answer(self._client, method, url, headers=headers, params={"api-version": _API_VERSION}, json=body)
        except AzureRefused as error:
            raise _failed(str(error)) from None


def _token(client: httpx.Client, environment: Mapping[str, str]) -> str:
    """Return a token for Key Vault of whom the environment says we are."""
    try:
        return token(
            client, tenant=environment["AZURE_TENANT_ID"], application=environment["AZURE_CLIENT_ID"],
            audience="https://vault.azure.net", environment=environment,
        )  # fmt: skip
    except UsageError as error:
        raise UsageError(error.summary, hint=error.hint, code="bad_key") from None
    except AzureRefused as error:
        raise _failed(str(error)) from None


def _failed(message: str) -> EngineError:
    hint = "the key must exist, and whoever approves needs the permissions get and sign on keys"
    return EngineError(message, hint=hint, code="signing_failed")


def _number(value: object) -> int:
    return int.from_bytes(_bytes(value), "big")


def _bytes(value: object) -> bytes:
    text = str(value)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
