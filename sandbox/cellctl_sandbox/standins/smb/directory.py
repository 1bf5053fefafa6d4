"""The domain of a sandbox: its users are those whose names and passwords secrets hold, `{"username", "password"}`.

A secret may also say `groups`, names of groups that its user is in. Domain controllers are not simulated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cellctl.state.values import bare
from cellctl_sandbox.standins.documents import Documents


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """One user, by the bare name in lower case."""

    name: str
    password: str = field(repr=False)
    groups: tuple[str, ...] = ()

    def among(self, listed: Sequence[str]) -> bool:
        """Tell whether a list of valid users names this one or a group of it; an empty list names everybody."""
        names = {one.rpartition("\\")[2].lower() if not one.startswith("@") else _group(one) for one in listed}
        return not listed or self.name in names or any(f"@{group.lower()}" in names for group in self.groups)


class Directory:
    """The users, looked up anew each time: `values` yields what secrets hold, by their ARN."""

    def __init__(self, values: Callable[[], Mapping[str, str]]) -> None:
        self._values = values

    @classmethod
    def of(cls, secrets: Documents) -> Directory:
        """Return the users that the secrets of a sandbox name."""

        def values() -> Mapping[str, str]:
            with secrets.transaction() as transaction:
                documents = transaction.items("secret")
            return {key: value for key, found in documents.items() for value in _current(found.get("versions"))}

        return cls(values)

    def named(self, name: str) -> User | None:
        """Return a user by a name, bare or with its domain, None where there is none."""
        wanted = name.rpartition("\\")[2].lower()
        return next((one for one in self._users(self._values().values()) if one.name == wanted), None)

    def password(self, name: str) -> str | None:
        """Return a user's password, None where there is none."""
        found = self.named(name)
        return found.password if found else None

    def user_of(self, secret: str) -> User | None:
        """Return the user whom a secret names, by its ARN or one without the random end."""
        values = [value for arn, value in self._values().items() if secret in (arn, arn[:-7])]
        return next(iter(self._users(values)), None)

    def _users(self, values: Iterable[str]) -> Iterable[User]:
        for value in values:
            try:
                found = json.loads(value) if value.startswith("{") else None
            except ValueError:
                continue
            if isinstance(found, dict) and isinstance(found.get("username"), str) and "password" in found:
                groups = found.get("groups")
                yield User(
                    name=found["username"].rpartition("\\")[2].lower(), password=str(found["password"]),
                    groups=tuple(map(str, groups)) if isinstance(groups, list) else (),
                )  # fmt: skip


def _group(listed: str) -> str:
    return "@" + listed[1:].rpartition("\\")[2].lower()


def _current(versions: object) -> list[str]:
    last = versions[-1] if isinstance(versions, list) and versions else None
    return [str(bare(last["value"]))] if isinstance(last, dict) else []
