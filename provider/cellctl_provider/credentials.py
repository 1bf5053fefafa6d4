"""As whom provider `cellctl` acts: assumed roles and federated identities, never keys, never an ambient login."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from boto3 import Session


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
    """Production: the role of the account, assumed from the identity that runs cellctl; the account is checked."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._role = variables.get("cellctl:config:awsRole", "")
        self._account = variables.get("cellctl:config:awsAccount", "")
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def aws(self, region: str) -> Session:
        """Return a session that acts as the role; it renews itself."""
        if not self._role:
            raise ProviderError("provider cellctl has no role for AWS: set awsRole on it", code="auth")
        with self._lock:
            if region not in self._sessions:
                self._sessions[region] = _assumed(self._role, self._account, region)
            return self._sessions[region]

    def azure_token(self, audience: str) -> str:
        """Refuse: federated sign-in to Azure comes with real accounts."""
        raise ProviderError(f"this version cannot sign in to {audience}", code="auth")

    def azure_token_of(self, identity: str, audience: str) -> str:
        """Refuse: a managed identity signs in on its nodes only."""
        raise ProviderError(f"{identity} signs in to {audience} on its nodes only", code="auth")


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
