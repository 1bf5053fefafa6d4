"""Who this machine is for Azure: a token that it was given, exchanged for one of an application (workload identity).

Sources, 2026-11-29: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
https://docs.github.com/actions/reference/openid-connect-reference (a job with `id-token: write` asks for its token).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cellctl.errors import UsageError

MANAGEMENT = "https://management.azure.com"
"""Azure Resource Manager; the audience of its tokens, too."""
_PAGES = 50
_AUTHORITY = "https://login.microsoftonline.com/"
WHERE = "AZURE_FEDERATED_TOKEN_FILE"
ASK_AT, ASK_WITH = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
"""Where a job on GitHub asks for a token that says which job it is, and what lets it ask."""
_EXCHANGE = "api://AzureADTokenExchange"


class AzureRefused(Exception):
    """Azure did not answer, or said no; the text names the host and a status, never a token."""


def token(client: httpx.Client, *, tenant: str, application: str, audience: str, environment: Mapping[str, str]) -> str:
    """Return a token for `audience` (`https://vault.azure.net`) in exchange for the one that this machine was given.

    Raises:
        UsageError, AzureRefused: As `granted`.
    """
    return granted(client, tenant=tenant, application=application, audience=audience, environment=environment).token


@dataclass(frozen=True, kw_only=True, slots=True)
class Granted:
    """A bearer token, and for how many seconds it is good."""

    token: str = field(repr=False)
    seconds: float


def granted(
    client: httpx.Client, *, tenant: str, application: str, audience: str, environment: Mapping[str, str]
) -> Granted:
    """Return a token for `audience` with its life.

    Raises:
        UsageError: The token that this machine was given cannot be read (code `no_identity`).
        AzureRefused: Azure does not take it, or GitHub gives none.
    """
    assertion = _given(client, environment)
    form = {
        "grant_type": "client_credentials",
        "client_id": application,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        "scope": f"{audience.rstrip('/')}/.default",
    }
    authority = environment.get("AZURE_AUTHORITY_HOST") or _AUTHORITY
    url = f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token"
    found = answer(client, "POST", url, data=form)
    seconds = found.get("expires_in")
    return Granted(
        token=str(found.get("access_token") or ""), seconds=float(seconds) if isinstance(seconds, int | float) else 0.0
    )


def _given(client: httpx.Client, environment: Mapping[str, str]) -> str:
    """Return the token that this machine was given: in a file, or by GitHub."""
    try:
        if WHERE in environment:
            return Path(environment[WHERE]).read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{WHERE} cannot be read: {error.strerror}"
        raise UsageError(message, hint="sign in by workload identity", code="no_identity") from None
    if not (environment.get(ASK_AT) and environment.get(ASK_WITH)):
        raise UsageError(f"{WHERE} is not set", hint="sign in by workload identity", code="no_identity")
    url = httpx.URL(environment[ASK_AT]).copy_merge_params({"audience": _EXCHANGE})
    headers = {"Authorization": f"Bearer {environment[ASK_WITH]}"}
    return str(answer(client, "GET", str(url), headers=headers).get("value") or "")


def answer(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
) -> Mapping[str, object]:
    """Return the JSON document that Azure answers with.

    Raises:
        AzureRefused: It answers anything else.
    """
    host = httpx.URL(url).host
    try:
        found = client.request(method, url, headers=headers, params=params, json=json, data=data)
        document = found.json() if found.is_success else None
    except (httpx.HTTPError, ValueError) as error:
        raise AzureRefused(f"{host} cannot be reached ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise AzureRefused(f"{host} answers {found.status_code}")
    return document


def pages(
    client: httpx.Client, url: str, *, headers: Mapping[str, str], params: Mapping[str, str]
) -> Iterator[Mapping[str, object]]:
    """Yield every page of an answer of Resource Manager, which says where the next one is.

    Raises:
        AzureRefused: As `answer`.
    """
    asked: Mapping[str, str] | None = params
    for _ in range(_PAGES):
        page = answer(client, "GET", url, headers=headers, params=asked)
        yield page
        following, asked = page.get("nextLink"), None
        if not isinstance(following, str) or not following.startswith(f"{MANAGEMENT}/"):
            return
        url = following
