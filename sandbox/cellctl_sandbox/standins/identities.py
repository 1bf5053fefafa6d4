"""As whom provider `cellctl` and `verify` act in the sandbox: fixed AWS credentials, tokens of the sandbox's issuer."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

from cellctl_sandbox.standins.cloud_view import CloudView
from cellctl_sandbox.standins.sql_servers import AZURE_SERVER, administrator_of
from cellctl_sandbox.standins.tds.tokens_entra import BadToken, Bearer, TokenIssuer

if TYPE_CHECKING:
    from boto3 import Session

IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"
VAULT_AUDIENCE = "https://vault.azure.net/"
_OPERATOR = str(uuid.UUID("5d1f0c8e-7b1a-5c52-8a5e-2f54c1c0a9d1"))


class SandboxCredentials:
    """Satisfies `cellctl_provider.credentials.Credentials`. The AWS keys are no keys of anybody."""

    def __init__(self, issuer: TokenIssuer, view: CloudView) -> None:
        self._issuer = issuer
        self._view = view
        self._lock = threading.Lock()
        self._session: Session | None = None

    def aws(self, region: str) -> Session:
        """Return a session with made-up keys; stand-ins look at the signature's scope only."""
        import boto3

        with self._lock:
            if self._session is None:
                self._session = boto3.Session(
                    aws_access_key_id="SANDBOX",
                    aws_secret_access_key="nothing-real",  # noqa: S106
                    region_name=region,
                )
            return self._session

    def azure_token(self, audience: str) -> str:
        """Return a token of the sandbox's operator, a member of the groups that administer its databases."""
        groups = [sid for server in self._view.objects(AZURE_SERVER) if (sid := administrator_of(server))]
        return self._issuer.issue(Bearer(object_id=_OPERATOR, name="operator", groups=groups), audience=audience)

    def azure_token_of(self, identity: str, audience: str) -> str:
        """Return a token of a managed identity, by its name; of nobody if there is none."""
        for item in self._view.objects(IDENTITY):
            if item.id.rpartition("/")[2].casefold() == identity.casefold():
                bearer = Bearer(object_id=item.text("principalId"), client_id=item.text("clientId"), name=identity)
                return self._issuer.issue(bearer, audience=audience)
        return self._issuer.issue(Bearer(object_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, identity))), audience=audience)


def opens_vaults(issuer: TokenIssuer, token: str) -> bool:
    """Tell whether a bearer token is one for Key Vault."""
    try:
        issuer.check(token, audience=VAULT_AUDIENCE)
    except (BadToken, KeyError):
        return False
    return True
