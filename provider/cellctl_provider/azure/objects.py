"""Small objects in a container of Azure Blob Storage, written only over what was read (conditional headers).

Source: https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations,
2026-11-29. A conditional write and not a native lease of a blob: that one ends after 60 seconds at most and has no
number that rises, which is what fences a holder that was stopped and wakes up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from cellctl.dialer import trust
from cellctl.errors import EngineError, UsageError
from cellctl.state.objects import Stored
from cellctl_provider.azure.federation import AzureRefused, token

FOLDER = ".cellctl/leases"
AUDIENCE = "https://storage.azure.com"
ACCOUNT = "AZURE_STORAGE_ACCOUNT"
"""What names the storage account where the URL does not, for the Pulumi CLI too."""
_VERSION = "2023-11-03"
_TIMEOUT_S = 20.0
_LOST = ("ConditionNotMet", "BlobAlreadyExists")


def open_objects(
    url: str, *, account: str, role: str, tenant: str = "", environment: Mapping[str, str] | None = None
) -> BlobObjects:
    """Open the store beside the states of a URL such as `azblob://states?storage_account=NAME`, as an application.

    `role` is the application's client id; `environment` proves this machine's identity to Entra. Of the URL's words
    `storage_account`, `domain`, `protocol` and `localemu` are understood, as the Pulumi CLI does.

    Raises:
        EngineError: Nothing says which storage account it is (code `leases_unreachable`).
    """
    del account  # of a subscription nothing is asked: the storage account's name is the only one in the world
    parts, known = urlsplit(url), environment or {}
    words = {key: values[0] for key, values in parse_qs(parts.query).items()}
    name = words.get("storage_account") or known.get(ACCOUNT, "")
    if not name:
        raise EngineError(
            f"{url} does not say in which storage account the states are",
            hint=f"azblob://{parts.netloc}?storage_account=NAME, or set {ACCOUNT}",
            code="leases_unreachable",
        )
    domain = words.get("domain", "blob.core.windows.net")
    host = f"{domain}/{name}" if words.get("localemu") == "true" else f"{name}.{domain}"
    folder = f"{parts.netloc}/{parts.path.strip('/')}/{FOLDER}".replace("//", "/")

    def signed_in(client: httpx.Client) -> str:
        return token(client, tenant=tenant, application=role, audience=AUDIENCE, environment=known)

    return BlobObjects(f"{words.get('protocol', 'https')}://{host}/{folder}", signed_in)


class BlobObjects:
    """Satisfies `cellctl.state.objects.Objects`: blobs below `folder`, a URL. `sign_in` gives a bearer token.

    It asks seldom, so no connection is kept in between, and nothing has to be closed.
    """

    def __init__(self, folder: str, sign_in: Callable[[httpx.Client], str]) -> None:
        self._folder, self._sign_in = folder.rstrip("/"), sign_in
        self._trust = trust("")
        self._token = ""

    def read(self, name: str) -> Stored:
        """Return a blob, with the time of the answer."""
        found = self._asked("GET", name)
        if found.status_code == 404 and _code(found) == "BlobNotFound":
            return Stored(data=b"", tag="", now=_time(found))
        if not found.is_success:
            raise self._unreachable(_code(found))
        return Stored(data=found.content, tag=found.headers["etag"], now=_time(found))

    def write(self, name: str, data: bytes, *, over: str) -> bool:
        """Write a blob over the one that was read."""
        condition = {"If-Match": over} if over else {"If-None-Match": "*"}
        headers = {**condition, "x-ms-blob-type": "BlockBlob", "Content-Type": "application/json"}
        found = self._asked("PUT", name, headers, data)
        if found.status_code in (409, 412) and _code(found) in _LOST:
            return False
        if not found.is_success:
            raise self._unreachable(_code(found))
        return True

    def _asked(
        self, method: str, name: str, headers: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> httpx.Response:
        """Ask, and once more as who signed in anew: a token lives for an hour, a run may take longer."""
        url = f"{self._folder}/{quote(name)}"
        try:
            with httpx.Client(timeout=_TIMEOUT_S, trust_env=False, verify=self._trust) as client:
                for renew in (not self._token, True):
                    if renew:
                        self._token = self._sign_in(client)
                    sent = {"Authorization": f"Bearer {self._token}", "x-ms-version": _VERSION, **(headers or {})}
                    found = client.request(method, url, headers=sent, content=data)
                    if found.status_code != 401:
                        break
                return found
        except (AzureRefused, UsageError) as error:
            raise self._unreachable(str(error)) from None
        except httpx.HTTPError as error:
            raise self._unreachable(type(error).__name__) from None

    def _unreachable(self, why: str) -> EngineError:
        return EngineError(
            f"the leases in {self._folder} cannot be asked: {why}",
            hint="cellctl doctor --account NAME; nothing is changed without a lease",
            code="leases_unreachable",
        )


def _code(found: httpx.Response) -> str:
    return found.headers.get("x-ms-error-code") or str(found.status_code)


def _time(found: httpx.Response) -> float:
    """Return the store's time in unix seconds, to a second; this machine's where it does not say."""
    date = found.headers.get("date")
    return parsedate_to_datetime(date).timestamp() if date else time.time()
