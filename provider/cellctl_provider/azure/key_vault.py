"""Values in Azure Key Vault: the secrets data plane, API version 7.4."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cellctl.dialer import trust
from cellctl_provider.protocol import ErrorCode, ProviderError
from cellctl_provider.secrets import StoredSecret

if TYPE_CHECKING:
    import httpx

    from cellctl_provider.context import Context

AUDIENCE = "https://vault.azure.net/"
_REFERENCE = re.compile(r"https://[a-zA-Z0-9-]{3,24}\.vault\.azure\.net/secrets/[0-9a-zA-Z-]{1,127}(/[0-9a-f]{32})?")
_API_VERSION = "7.4"
_TIMEOUT_S = 30.0
_EVERY_S = 15.0
SPREADS_S = 600.0
"""How long a role assignment may take to be known. Source: Microsoft Learn, Troubleshoot Azure RBAC, 2026-11."""


def reference_of(vault_uri: str, secret_name: str) -> str:
    """Return the URI of a secret, without a version."""
    return f"{vault_uri.rstrip('/')}/secrets/{secret_name}"


def get(context: Context, reference: str) -> StoredSecret | None:
    """Return the current value; None if the vault answers that there is no such secret."""
    answer = _request(context, "GET", reference)
    return None if answer.status_code == 404 else _stored(reference, answer, made=False)


def ensure(context: Context, reference: str, make: Callable[[], str]) -> StoredSecret:
    """Return the current value, made now if there is none.

    The vault has no conditional write; the cell's lease keeps a second writer out, and what is returned is what the
    vault holds afterwards.
    """
    found = _once_admitted(context, lambda: get(context, reference))
    if found is not None:
        return found
    _stored(reference, _request(context, "PUT", reference, {"value": make()}), made=True)
    held = get(context, reference)
    if held is None:
        raise ProviderError(f"{reference} is gone right after it was written", code="internal")
    return StoredSecret(reference=held.reference, version=held.version, value=held.value, made=True)


def _once_admitted(context: Context, ask: Callable[[], StoredSecret | None]) -> StoredSecret | None:
    """Return what `ask` gives. A role of a moment ago is not known everywhere yet: refusals are outwaited."""
    waited = 0.0
    while True:
        try:
            return ask()
        except ProviderError as error:
            if error.code != "auth" or waited >= SPREADS_S:
                raise
        context.sleep(_EVERY_S)
        waited += _EVERY_S


def replace(context: Context, reference: str, value: str) -> StoredSecret:
    """Add `value` as the current version."""
    return _stored(reference, _request(context, "PUT", reference, {"value": value}), made=True)


def _request(context: Context, method: str, reference: str, body: dict[str, str] | None = None) -> httpx.Response:
    import httpx

    if not _REFERENCE.fullmatch(reference):
        raise ProviderError(f"{reference} is not the URI of a Key Vault secret", code="invalid")
    parts = urlsplit(reference)
    host = str(parts.hostname)
    headers = {"Host": host, "Authorization": f"Bearer {context.credentials.azure_token(AUDIENCE)}"}
    try:
        route = context.dialer.route(host, 443)
        url = f"https://{route.host}:{route.port}{parts.path}"
        with httpx.Client(verify=trust(route.trust_anchor), timeout=_TIMEOUT_S, trust_env=False) as client:
            return client.request(
                method,
                url,
                params={"api-version": _API_VERSION},
                headers=headers,
                json=body,
                extensions={"sni_hostname": host},
            )
    except (httpx.HTTPError, OSError) as error:
        message = f"{host} cannot be reached ({type(error).__name__}: {error})"
        raise ProviderError(message, code="unreachable") from error


def _stored(reference: str, answer: httpx.Response, *, made: bool) -> StoredSecret:
    if not answer.is_success:
        raise _error(reference, answer)
    document = answer.json()
    version = str(document["id"]).rpartition("/")[2]
    unversioned = re.sub(r"/[0-9a-f]{32}$", "", reference)
    return StoredSecret(reference=unversioned, version=version, value=str(document["value"]), made=made)


def _error(reference: str, answer: httpx.Response) -> ProviderError:
    codes: dict[int, ErrorCode] = {400: "invalid", 401: "auth", 403: "auth", 409: "conflict", 429: "throttle"}
    code, message = _details(answer)
    text = f"Key Vault refuses {reference}: {message or 'HTTP ' + str(answer.status_code)}"
    return ProviderError(f"{text} ({code})" if code else text, code=codes.get(answer.status_code, "internal"))


def _details(answer: httpx.Response) -> tuple[str, str]:
    try:
        error = answer.json()["error"]
        return str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return "", ""
