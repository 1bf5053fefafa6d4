"""Azure Resource Manager, asked by provider `cellctl` itself: what no resource of Pulumi's provider does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cellctl.dialer import trust
from cellctl_provider.protocol import ErrorCode, ProviderError

if TYPE_CHECKING:
    import httpx

    from cellctl.state.values import Struct
    from cellctl_provider.context import Context

AUDIENCE = "https://management.azure.com/"
HOST = "management.azure.com"
_TIMEOUT_S = 60.0
_CODES: Mapping[int, ErrorCode] = {401: "auth", 403: "auth", 404: "not_found", 429: "throttle"}


def asked(
    context: Context, method: str, path: str, parameters: Mapping[str, str], body: Struct | None = None
) -> httpx.Response:
    """Return what it answers to a request for an ARM id or what is below one, whatever its status.

    Raises:
        ProviderError: It cannot be reached (`unreachable`).
    """
    import httpx

    headers = {"Host": HOST, "Authorization": f"Bearer {context.credentials.azure_token(AUDIENCE)}"}
    try:
        route = context.dialer.route(HOST, 443)
        with httpx.Client(verify=trust(route.trust_anchor), timeout=_TIMEOUT_S, trust_env=False) as client:
            return client.request(
                method,
                f"https://{route.host}:{route.port}{path}",
                params=dict(parameters),
                headers=headers,
                json=body,
                extensions={"sni_hostname": HOST},
            )
    except (httpx.HTTPError, OSError) as error:
        raise ProviderError(f"{HOST} cannot be reached ({type(error).__name__})", code="unreachable") from None


def accepted(answer: httpx.Response, what: str) -> Struct:
    """Return the document of an answer.

    Raises:
        ProviderError: It refuses `what`; the text is what it says.
    """
    if answer.is_success:
        document = answer.json()
        return document if isinstance(document, dict) else {}
    try:
        error = answer.json()["error"]
        said = f"{error['message']} ({error['code']})"
    except (ValueError, KeyError, TypeError):
        said = f"HTTP {answer.status_code}"
    raise ProviderError(f"{what}: {said}", code=_CODES.get(answer.status_code, "internal"))
