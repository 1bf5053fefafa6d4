"""`cellctl:files:FolderTree`: the folders that nodes use are on their shares, and take files of who serves them.

Nothing that anybody keeps there is ever removed: neither folders that are not wanted any more, nor on deletion.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, TypeVar

from cellctl.state.values import Struct, Value, contains_unknown
from cellctl_provider import smb
from cellctl_provider.azure import storage_keys
from cellctl_provider.inputs import Field, check, diff, needed, preview_of, text, texts
from cellctl_provider.polling import poll
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

if TYPE_CHECKING:
    from cellctl_provider.context import Context

_T = TypeVar("_T")
OUTPUTS = ("proven",)
_PART = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
FIELDS = (
    Field(name="host", kind="text", required=True, replaces=True, pattern=r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"),
    Field(name="account", kind="text", pattern=storage_keys.ACCOUNT.pattern, reason="is the id of a storage account"),
    Field(name="secret", kind="text", pattern=r"arn:.+|https://.+", reason="is the reference of a secret"),
    Field(
        name="folders",
        kind="texts",
        required=True,
        pattern=rf"{_PART}(/{_PART})*",
        reason="are a share each, or paths on one: letters, digits, `_`, `-`, `/` between folders",
    ),
)
FILE = ".cellctl-probe"
"""Always the same name: what a probe that was killed leaves, the next one removes."""
_EVERY_S = 15.0
_LIMIT_S = 300.0
"""How long a new name may take to be known everywhere. Source: estimate, 2026-11."""
_LOST = ("SMBException", "SMBConnectionClosed", "IOTimeout")
"""How the library says that an answer did not come, or a connection ended."""
_SAYS: Mapping[str, str] = {
    "LogonFailure": "it does not take the user", "SMBAuthenticationError": "it does not take the user",
    "AccessDenied": "the user may not", "BadNetworkName": "there is no such share",
    "StatusNotADirectory": "a file is in the place of a folder", "ObjectNameCollision": "a file is in its place",
    "DiskFull": "it is full", "SMBUnsupportedFeature": "it does not speak SMB 3.1.1",
    "NotSupported": "it does not speak SMB 3.1.1",
}  # fmt: skip


class FolderTreeHandler:
    """Serves `cellctl:files:FolderTree`. Its id is the server; the state holds no key and no password."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def check(self, request: Check) -> Checked:
        """Validate inputs: a storage account whose key is asked for, or a secret that holds a user."""
        checked = check(FIELDS, request)
        inputs, failures = dict(checked.inputs), list(checked.failures)
        if ("account" in inputs) == ("secret" in inputs):
            failures.append(CheckFailure(property="account", reason="give account, or secret"))
        folders = inputs.get("folders")
        if not contains_unknown(folders) and not failures:
            inputs["folders"] = [*sorted(set(texts(inputs, "folders")))]
            if not folders:
                failures.append(CheckFailure(property="folders", reason="name one at least"))
        return Checked(inputs=inputs, failures=tuple(failures))

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs."""
        return diff(FIELDS, request)

    def create(self, request: Create) -> Created:
        """Make the folders that are not there, and use each."""
        if request.preview:
            return Created(id="", properties=preview_of(request.properties, OUTPUTS))
        return Created(id=needed(request.properties, "host"), properties=self._made(request.properties))

    def read(self, request: Read) -> Found | None:
        """Return which folders are there; what cannot be reached is never gone."""
        known = {**request.properties, **request.inputs}
        if not texts(known, "folders"):
            raise ProviderError("a folder tree is imported with the inputs of its program only", code="invalid")
        there: list[Value] = [*self._used(known, _there)]
        inputs: Struct = {**(request.inputs or request.properties), "folders": there}
        inputs.pop("proven", None)
        return Found(id=request.id, properties={**request.properties, **inputs}, inputs=inputs)

    def update(self, request: Update) -> Updated:
        """Make the folders that are not there, and use each; others stay."""
        if request.preview:
            return Updated(properties=preview_of(request.news, OUTPUTS))
        return Updated(properties=self._made(request.news))

    def delete(self, request: Delete) -> None:
        """Leave everything where it is: it is the customer's."""

    def _made(self, inputs: Struct) -> Struct:
        def attempt() -> list[Value] | None:
            return [*self._used(inputs, _made)]

        return {**inputs, "proven": self._patiently(attempt)}

    def _patiently(self, attempt: Callable[[], _T | None]) -> _T:
        """Try until the server answers: its name does not lead to its private endpoint everywhere at once."""
        last = ""

        def look() -> _T | None:
            nonlocal last
            try:
                return attempt()
            except ProviderError as error:
                if error.code != "unreachable":
                    raise
                last = error.message
                return None

        return poll(
            self._context, look, what="the use of the shares", every_s=_EVERY_S, limit_s=_LIMIT_S, why=lambda: last
        )

    def _used(self, inputs: Struct, use: Callable[[smb.Session, str, Sequence[str]], Iterator[str]]) -> list[str]:
        """Return what `use` gives of each share, with the paths on it, as the user that nodes are."""
        host, folders = needed(inputs, "host"), texts(inputs, "folders")
        found: list[str] = []
        try:
            account = self._account(inputs)
            with smb.signed_in(self._context.dialer, host, account, newest="account" in inputs) as session:
                for share, paths in groupby(sorted(folders), key=lambda one: one.partition("/")[0]):
                    found += use(session, share, [one.partition("/")[2] for one in paths])
        except smb.SmbError as error:
            raise _explained(host, error) from error
        except OSError as error:
            raise ProviderError(f"{host} cannot be reached: {error}", code="unreachable") from error
        return found

    def _account(self, inputs: Struct) -> smb.Account:
        if account := text(inputs, "account"):
            return storage_keys.account_of(self._context, account)
        reference = needed(inputs, "secret")
        stored = self._context.secrets.get(reference)
        return smb.account_of(stored.value if stored else "", reference)


def _made(session: smb.Session, share: str, paths: Sequence[str]) -> Iterator[str]:
    mounted = session.share(share)
    for path in paths:
        for part in accumulate(filter(None, path.split("/")), "{}/{}".format):
            mounted.folder(part)
        _proven(mounted, share, path)
        yield f"{share}/{path}".rstrip("/")


def _proven(mounted: smb.Share, share: str, path: str) -> None:
    """Write, read and remove a file."""
    name, data = f"{path}/{FILE}".lstrip("/"), secrets.token_hex(16).encode()
    mounted.write(name, data)
    if mounted.read(name, len(data) + 1) != data:
        raise ProviderError(f"{share}/{path} gives back another file than was written", code="conflict")
    mounted.remove(name)


def _there(session: smb.Session, share: str, paths: Sequence[str]) -> Iterator[str]:
    try:
        mounted = session.share(share)
    except smb.SmbError as error:
        if error.kind == "BadNetworkName":
            return
        raise
    yield from (f"{share}/{path}".rstrip("/") for path in paths if mounted.has(path))


def _explained(host: str, error: smb.SmbError) -> ProviderError:
    text = f"the files of {host} cannot be used: {error}"
    if says := _SAYS.get(error.kind):
        text = f"{text}, {says}"
    if error.kind == "BadNetworkName":
        return ProviderError(text, code="not_found")
    if error.kind in _LOST:
        return ProviderError(text, code="unreachable")
    return ProviderError(text, code="auth" if error.shut else "conflict")
