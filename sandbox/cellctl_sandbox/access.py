"""As whom the sandbox acts: credentials that only stand-ins accept, and secrets read through them."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.clouds.view import ObjectView
from cellctl_sandbox.inventory import IDENTITY, SqlServers
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.service_models import loader
from cellctl_sandbox.standins.tds.tokens_entra import BadToken, Bearer, TokenIssuer

if TYPE_CHECKING:
    from boto3 import Session

RUNNER = str(uuid.uuid5(uuid.NAMESPACE_URL, "cellctl-sandbox-runner"))
_OPERATORS = uuid.UUID("8c1f7f3c-53f3-5d3a-9a39-6a3c2a1f5b10")
"""Name space of the ids that programs give the sandbox's own principals: the runner is each subscription's operator."""
MANAGEMENT_AUDIENCE = "https://management.azure.com/"
VAULT_AUDIENCE = "https://vault.azure.net/"


@functools.cache
def _session(region: str) -> Session:
    """Return a session of this process whose keys open nothing but stand-ins."""
    import boto3
    import botocore.session

    core = botocore.session.Session()
    core.register_component("data_loader", loader())
    return boto3.Session(
        botocore_session=core,
        aws_access_key_id="SANDBOX",
        aws_secret_access_key="sandbox",  # noqa: S106
        region_name=region,
    )


class SandboxCredentials:
    """Satisfies `cellctl_provider.credentials.Credentials`. The runner is in every group that administers databases."""

    def __init__(
        self,
        view: ObjectView,
        servers: SqlServers,
        issuer: TokenIssuer,
        *,
        permitted: Callable[[CloudObject, str, str], str],
    ) -> None:
        self._view = view
        self._servers = servers
        self._permitted = permitted
        self.issuer = issuer

    def __call__(self, variables: Mapping[str, str]) -> SandboxCredentials:
        """Return itself: the sandbox has one runner, whatever the configuration (a `CredentialsFactory`)."""
        del variables
        return self

    def aws(self, region: str) -> Session:
        """Return a session whose keys open nothing but stand-ins; one for the process, as making it takes long."""
        return _session(region)

    def azure_token(self, audience: str) -> str:
        """Return a token of the runner."""
        groups = self._servers.administrators()
        return self.issuer.issue(Bearer(object_id=RUNNER, name="sandbox runner", groups=groups), audience=audience)

    def azure_token_of(self, identity: str, audience: str) -> str:
        """Return a token of a managed identity that exists."""
        for item in self._view.objects(IDENTITY):
            if identity.casefold() in (item.text("name").casefold(), item.text("clientId"), item.id.casefold()):
                bearer = Bearer(
                    object_id=item.text("principalId"), client_id=item.text("clientId"), name=item.text("name")
                )
                return self.issuer.issue(bearer, audience=audience)
        raise ProviderError(f"there is no managed identity '{identity}'", code="not_found")

    def manages(self, token: str) -> bool:
        """Tell whether a token is one of this sandbox, for Azure Resource Manager."""
        try:
            self.issuer.check(token, audience=MANAGEMENT_AUDIENCE)
        except BadToken:
            return False
        return True

    def vault_refusal(self, token: str, vault: CloudObject, action: str) -> str | None:
        """Return why a token may not act on a vault, `` if it may; None if it is no token of this sandbox."""
        try:
            bearer = self.issuer.check(token, audience=VAULT_AUDIENCE)
        except BadToken:
            return None
        principal = bearer.object_id
        if principal == RUNNER:
            principal = operator_of(vault.id)
        return self._permitted(vault, principal, action)


def operator_of(id: str) -> str:
    """Return the principal that runs cellctl in the subscription of an ARM id."""
    return str(uuid.uuid5(_OPERATORS, f"operator/{id.split('/')[2]}"))
