"""As whom provider `cellctl` acts: assumed roles and federated identities, never keys, never an ambient login."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from boto3 import Session


_TIMEOUT_S = 20.0
_EARLY_S = 300.0  # a token is made anew so long before its end: a call may take a while


class Credentials(Protocol):
    """Sessions and tokens, made when they are needed; called from many threads."""

    def aws(self, region: str) -> Session:
        """Return a boto3 session for a region."""

    def azure_token(self, audience: str) -> str:
        """Return a bearer token for an audience such as `https://vault.azure.net/`; a secret."""

    def azure_token_of(self, identity: str, audience: str) -> str:
        """Return a token of a cell's managed identity, where that can be had: on its nodes, and in the sandbox."""


class CredentialsFactory(Protocol):
    """Makes credentials from the configuration of one provider resource."""

    def __call__(self, variables: Mapping[str, str]) -> Credentials:
        """Return credentials; `variables` has keys `cellctl:config:awsRole` and the like."""


class FederatedCredentials:
    """Production: a role of AWS, assumed from the identity that runs cellctl, its account checked; an application of
    Entra, which takes the token that this machine was given.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._role = variables.get("cellctl:config:awsRole", "")
        self._account = variables.get("cellctl:config:awsAccount", "")
        self._tenant = variables.get("cellctl:config:azureTenant", "")
        self._application = variables.get("cellctl:config:azureClient", "")
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def aws(self, region: str) -> Session:
        """Return a session that acts as the role; it renews itself."""
        if not self._role:
            raise ProviderError("provider cellctl has no role for AWS: set awsRole on it", code="auth")
        with self._lock:
            if region not in self._sessions:
                self._sessions[region] = _assumed(self._role, self._account, region)
            return self._sessions[region]

    def azure_token(self, audience: str) -> str:
        """Return a token of the application, made anew before it ends."""
        if not (self._tenant and self._application):
            message = "provider cellctl has no application for Azure: set azureTenant and azureClient on it"
            raise ProviderError(message, code="auth")
        with self._lock:
            token, good_until = self._tokens.get(audience, ("", 0.0))
            if time.monotonic() >= good_until:
                token, seconds = _signed_in(self._tenant, self._application, audience)
                self._tokens[audience] = (token, time.monotonic() + max(0.0, seconds - _EARLY_S))
        return token

    def azure_token_of(self, identity: str, audience: str) -> str:
        """Refuse: a managed identity signs in on its nodes only."""
        raise ProviderError(f"{identity} signs in to {audience} on its nodes only", code="auth")


def _signed_in(tenant: str, application: str, audience: str) -> tuple[str, float]:
    """Return a token and for how many seconds it is good."""
    import httpx

    from cellctl.errors import UsageError
    from cellctl_provider.azure.federation import AzureRefused, granted
    from cellctl_provider.hosts.ambient import environment

    try:
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            found = granted(
                client, tenant=tenant, application=application, audience=audience, environment=environment()
            )
    except (AzureRefused, UsageError) as error:
        raise ProviderError(f"cannot sign in to {audience}: {error}", code="auth") from None
    return found.token, found.seconds


def _assumed(role: str, account: str, region: str) -> Session:
    import boto3
    import botocore.session
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    source = botocore.session.get_session()
    identity = source.get_credentials()
    if identity is None:
        raise ProviderError("this machine has no identity in AWS with which to take on a role", code="auth")
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=source.create_client,
        source_credentials=identity,
        role_arn=role,
        extra_args={"RoleSessionName": "cellctl"},
    )
    session = botocore.session.get_session()
    session._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]  # there is no public setter
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    assumed = boto3.Session(botocore_session=session, region_name=region)
    found = assumed.client("sts").get_caller_identity()["Account"]
    if account and found != account:
        raise ProviderError(f"the role is of account {found}, only {account} is allowed", code="auth")
    return assumed
