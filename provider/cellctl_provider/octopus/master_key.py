"""`cellctl:octopus:MasterKey`: the cell's master key, in its secret store before the database holds anything.

Losing it makes every backup useless, so it is made once, never overwritten, and deletion leaves it where it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

from cellctl.state.values import Struct, contains_unknown
from cellctl_provider.azure.key_vault import reference_of
from cellctl_provider.context import Context
from cellctl_provider.inputs import Field, check, diff, preview_of, text
from cellctl_provider.protocol import (
    Check,
    Checked,
    CheckFailure,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    ProviderError,
    Read,
    Update,
    Updated,
)
from cellctl_provider.secrets import StoredSecret

OUTPUTS = ("reference", "version", "fingerprint")
FIELDS = (
    Field(name="region", kind="text", replaces=True, pattern=r"[a-z]{2}(-[a-z]+)+-\d"),
    Field(name="secretId", kind="text", replaces=True, pattern=r"arn:.*:secretsmanager:.*", reason="is a secret's ARN"),
    Field(
        name="vaultUri",
        kind="text",
        replaces=True,
        pattern=r"https://[a-zA-Z0-9-]{3,24}\.vault\.azure\.net/?",
        reason="is https://NAME.vault.azure.net/",
    ),
    Field(name="secretName", kind="text", replaces=True, pattern=r"[0-9a-zA-Z-]{1,127}"),
)
KEY_BYTES = 16
"""128 bits, base64: what Octopus Server takes (its container's documentation, read 2026-10)."""


class MasterKeyHandler:
    """Serves `cellctl:octopus:MasterKey`. Its id is the secret's reference; outputs hold no key."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def check(self, request: Check) -> Checked:
        """Validate inputs: a secret of Secrets Manager, or one of Key Vault."""
        checked = check(FIELDS, request)
        on_aws = "secretId" in checked.inputs
        on_azure = "vaultUri" in checked.inputs and "secretName" in checked.inputs
        if on_aws == on_azure and not contains_unknown(checked.inputs):
            reason = "give secretId, or vaultUri and secretName"
            failure = CheckFailure(property="secretId", reason=reason)
            return Checked(inputs=checked.inputs, failures=(*checked.failures, failure))
        return checked

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs: another place is another key."""
        return diff(FIELDS, request)

    def create(self, request: Create) -> Created:
        """Take the key that is there, or make one."""
        if request.preview:
            return Created(id="", properties=preview_of(request.properties, OUTPUTS))
        stored = self._context.secrets.ensure(_reference(request.properties), new_key)
        return Created(id=stored.reference, properties={**request.properties, **_outputs(stored)})

    def read(self, request: Read) -> Found | None:
        """Look whether the key is there; None only if the store says that the secret or its value is not."""
        try:
            stored = self._context.secrets.get(request.id)
        except ProviderError as error:
            if error.code == "not_found":
                return None
            raise
        if stored is None:
            return None
        inputs = dict(request.inputs) or _inputs_of(request.id)
        return Found(id=request.id, properties={**inputs, **_outputs(stored)}, inputs=inputs)

    def update(self, request: Update) -> Updated:
        """Make sure that the key is there; it is never replaced."""
        if request.preview:
            return Updated(properties={**request.olds, **request.news})
        stored = self._context.secrets.ensure(_reference(request.news), new_key)
        return Updated(properties={**request.news, **_outputs(stored)})

    def delete(self, request: Delete) -> None:
        """Leave the key where it is."""


def new_key() -> str:
    """Return a new master key; a secret."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def fingerprint(key: str) -> str:
    """Return what tells keys apart: of 128 random bits, so it cannot be turned back."""
    return hashlib.sha256(b"cellctl master key\0" + key.encode()).hexdigest()[:32]


def _reference(inputs: Struct) -> str:
    return text(inputs, "secretId") or reference_of(text(inputs, "vaultUri"), text(inputs, "secretName"))


def _outputs(stored: StoredSecret) -> Struct:
    try:
        size = len(base64.b64decode(stored.value, validate=True))
    except binascii.Error:
        size = 0
    if size not in (16, 32):
        # 32: AES-256 keys of 2024.4 and later, of a cell that was imported.
        raise ProviderError(f"{stored.reference} holds something that is not a master key", code="conflict")
    return {"reference": stored.reference, "version": stored.version, "fingerprint": fingerprint(stored.value)}


def _inputs_of(reference: str) -> Struct:
    if reference.startswith("arn:"):
        return {"region": reference.split(":")[3], "secretId": reference}
    vault, _, name = reference.partition("/secrets/")
    return {"vaultUri": f"{vault}/", "secretName": name}
