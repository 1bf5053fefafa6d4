"""The service account as which cellctl asks Octopus: one user, one API key, the key in the cell's secret store.

Octopus shows a key once. A run that ends between making and keeping it leaves a key that nobody has; the next one finds
the store's key not working, takes every key of the account away and makes one.
"""

from __future__ import annotations

from cellctl.state.values import Struct
from cellctl_provider.context import Context
from cellctl_provider.octopus.api import OctopusApi, text
from cellctl_provider.protocol import ProviderError

PURPOSE = "cellctl"
_TEAM = "/api/teams/teams-administrators"


class ServiceAccount:
    """The account `name`; its key is kept at `reference`. `id` and `key_id` are known after `ensure` or `key_works`."""

    def __init__(self, context: Context, api: OctopusApi, name: str, reference: str) -> None:
        self._context = context
        self._api = api
        self._name = name
        self._reference = reference
        self.id = ""
        self.key_id = ""

    def key_works(self) -> bool:
        """Tell whether the key in the store is this account's; if so, the API is used with it from now on."""
        stored = self._context.secrets.get(self._reference)
        if stored is None or not stored.value.startswith("API-"):
            return False
        self._api.use_key(stored.value)
        try:
            me = self._api.object("GET", "/api/users/me")
            account = self._found()
        except ProviderError as error:
            if error.code != "auth":
                raise
            self._api.use_key("")
            return False
        if account is None or text(me, "Id") != text(account, "Id"):
            self._api.use_key("")
            return False
        self.id = text(account, "Id")
        keys = self._keys()
        self.key_id = text(keys[0], "Id") if len(keys) == 1 else ""
        return bool(self.key_id)

    def ensure(self) -> None:
        """Make account and key as a signed-in administrator; from then on the API is used with the key."""
        account = self._found() or self._api.object("POST", "/api/users", self._wanted())
        self.id = text(account, "Id")
        if account.get("IsService") is not True:
            raise ProviderError(f"the user '{self._name}' of this Octopus is a person", code="conflict")
        if account.get("IsActive") is not True:
            self._api.object("PUT", f"/api/users/{self.id}", {**account, "IsActive": True})
        self._join_administrators()
        self._drop_keys()
        made = self._api.object("POST", f"/api/users/{self.id}/apikeys", {"Purpose": PURPOSE})
        self.key_id, key = text(made, "Id"), text(made, "ApiKey")
        if not key:
            raise ProviderError("Octopus made an API key and did not show it", code="internal")
        self._context.secrets.replace(self._reference, key)
        self._api.use_key(key)

    def close(self) -> None:
        """Close the account: no key of it works any more, whoever has it."""
        account = self._found()
        if account is not None:
            self._api.object("PUT", f"/api/users/{text(account, 'Id')}", {**account, "IsActive": False})

    def _wanted(self) -> Struct:
        return {"Username": self._name, "DisplayName": self._name, "IsActive": True, "IsService": True}

    def _found(self) -> Struct | None:
        people = self._api.objects("/api/users/all")
        return next((item for item in people if text(item, "Username").casefold() == self._name.casefold()), None)

    def _keys(self) -> list[Struct]:
        return self._api.objects(f"/api/users/{self.id}/apikeys", "Items")

    def _join_administrators(self) -> None:
        team = self._api.object("GET", _TEAM)
        members = team.get("MemberUserIds")
        listed = [*members] if isinstance(members, list) else []
        if self.id not in listed:
            self._api.object("PUT", _TEAM, {**team, "MemberUserIds": [*listed, self.id]})

    def _drop_keys(self) -> None:
        for key in self._keys():
            self._api.call("DELETE", f"/api/users/{self.id}/apikeys/{text(key, 'Id')}")
