"""Storage accounts as their shares know them: two keys each, and files on shares, kept in the sandbox."""

from __future__ import annotations

import base64
import secrets

from cellctl.state.values import bare, secret
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents

ACCOUNT = "azure-native:storage:StorageAccount"
SHARE = "azure-native:storage:FileShare"
_KEY_BYTES = 64


class Accounts:
    """The accounts of a sandbox. Keys and files are those of one life: an account made again has others."""

    def __init__(self, documents: Documents, view: CloudView) -> None:
        self._documents, self._view = documents, view

    def by_id(self, id: str) -> CloudObject | None:
        """Return an account by its ARM id, None where there is none."""
        return next((one for one in self._view.objects(ACCOUNT) if one.id.lower() == id.lower()), None)

    def by_name(self, name: str) -> CloudObject | None:
        """Return an account by its name, None where there is none."""
        return next((one for one in self._view.objects(ACCOUNT) if one.id.rpartition("/")[2] == name.lower()), None)

    def all(self) -> list[CloudObject]:
        """Return all accounts that serve files."""
        served = {share.id.lower().partition("/fileservices/")[0] for share in self._view.objects(SHARE)}
        return [one for one in self._view.objects(ACCOUNT) if one.id.lower() in served]

    def keys_of(self, id: str) -> tuple[str, str] | None:
        """Return both keys of an account by its ARM id, None where there is none."""
        account = self.by_id(id)
        return self.keys(account) if account else None

    def keys(self, account: CloudObject) -> tuple[str, str]:
        """Return both keys of an account, made when they are first asked for."""
        with self._documents.transaction() as rows:
            found = rows.get("keys", _life(account))
            if found is None:
                one, other = (base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode() for _ in range(2))
                found = {"key1": secret(one), "key2": secret(other)}
                rows.put("keys", _life(account), found)
        return str(bare(found["key1"])), str(bare(found["key2"]))

    def share(self, account: CloudObject, name: str) -> CloudObject | None:
        """Return a share of an account, None where there is none."""
        wanted = f"{account.id}/fileservices/default/shares/{name}".lower()
        return next((one for one in self._view.objects(SHARE) if one.id.lower() == wanted), None)

    def files(self, share: CloudObject) -> dict[str, bytes]:
        """Return what is on a share."""
        with self._documents.transaction() as rows:
            found = rows.items(_life(share))
        return {name: base64.b64decode(str(one["body"])) for name, one in found.items()}

    def put(self, share: CloudObject, name: str, body: bytes | None) -> None:
        """Write a file or, with a name that ends with `/`, make a folder; None removes."""
        with self._documents.transaction() as rows:
            if body is None:
                rows.remove(_life(share), name)
            else:
                rows.put(_life(share), name, {"body": base64.b64encode(body).decode()})


def _life(item: CloudObject) -> str:
    return f"{item.id.lower()}@{item.born_s}"
