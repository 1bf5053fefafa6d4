"""Values in AWS Secrets Manager."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cellctl_provider.aws.clients import SecretsManagerClient, translated
from cellctl_provider.protocol import ProviderError
from cellctl_provider.secrets import StoredSecret

if TYPE_CHECKING:
    from cellctl_provider.context import Context

_FIRST_VERSION = uuid.UUID("1b7f8a52-8a0e-5ac1-9a35-6f2f0f7a1f4e")


def get(context: Context, arn: str) -> StoredSecret | None:
    """Return the current value of the secret, None if it has none yet."""
    client = _client(context, arn)
    with translated(f"reading secret {arn}"):
        return _current(client, arn)


def ensure(context: Context, arn: str, make: Callable[[], str]) -> StoredSecret:
    """Return the current value, made now if there is none.

    The first version's id is derived from the ARN, so the service itself refuses a second first value: whoever was
    first wins, also between two runs and after a lost response.
    """
    from botocore.exceptions import ClientError

    client = _client(context, arn)
    with translated(f"writing secret {arn}"):
        found = _current(client, arn)
        if found is not None:
            return found
        token = str(uuid.uuid5(_FIRST_VERSION, arn))
        made = True
        try:
            client.put_secret_value(SecretId=arn, SecretString=make(), ClientRequestToken=token)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceExistsException":
                raise
            made = False
        stored = _current(client, arn)
    if stored is None:
        raise ProviderError(f"secret {arn} has no current version although one was written", code="internal")
    return StoredSecret(reference=stored.reference, version=stored.version, value=stored.value, made=made)


def replace(context: Context, arn: str, value: str) -> StoredSecret:
    """Add `value` as the current version."""
    client = _client(context, arn)
    with translated(f"writing secret {arn}"):
        client.put_secret_value(SecretId=arn, SecretString=value, ClientRequestToken=str(uuid.uuid4()))
        stored = _current(client, arn)
    if stored is None:
        raise ProviderError(f"secret {arn} has no current version although one was written", code="internal")
    return stored


def _current(client: SecretsManagerClient, arn: str) -> StoredSecret | None:
    """Return the current version; a secret without a value answers ResourceNotFound about its label AWSCURRENT."""
    from botocore.exceptions import ClientError

    try:
        answer: Mapping[str, object] = client.get_secret_value(SecretId=arn)
    except ClientError as error:
        details = error.response.get("Error", {})
        if details.get("Code") == "ResourceNotFoundException" and "AWSCURRENT" in str(details.get("Message")):
            return None
        raise
    return StoredSecret(
        reference=str(answer["ARN"]), version=str(answer["VersionId"]), value=str(answer.get("SecretString", ""))
    )


def _client(context: Context, arn: str) -> SecretsManagerClient:
    parts = arn.split(":")
    if len(parts) < 7 or parts[2] != "secretsmanager":
        raise ProviderError(f"{arn} is not the ARN of a secret", code="invalid")
    return context.aws.secrets_manager(parts[3])
