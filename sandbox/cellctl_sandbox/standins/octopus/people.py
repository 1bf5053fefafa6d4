"""Users, sessions, API keys, teams and the licence of a cell. Passwords and keys are kept as hashes only."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from cellctl.state.values import Struct
from cellctl_sandbox.standins.octopus.cluster import Moment
from cellctl_sandbox.standins.octopus.nodes import FirstAdministrator

ADMINISTRATORS = "teams-administrators"
SESSION_COOKIE, CSRF_COOKIE = "OctopusIdentificationToken_sandbox", "Octopus-Csrf-Token_sandbox"
_ROUNDS = 10_000
_NODE_LIMIT = re.compile(r"<NodeLimit>\s*(\d{1,6}|Unlimited)\s*</NodeLimit>", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks: a user, by a session (then changes need its CSRF token) or by an API key."""

    user: Struct
    csrf: str = ""

    @property
    def administrates(self) -> bool:
        """Whether the user is in the team of administrators."""
        return self.user["administrates"] is True


def ensure_administrator(moment: Moment, wanted: FirstAdministrator, password: str) -> None:
    """Make the first administrator, as the bootstrap of the first node does; nothing if there are users."""
    if not moment.all("user"):
        made = add_user(moment, username=wanted.username, email=wanted.email, display=wanted.username, service=False)
        moment.put("user", str(made["id"]), {**made, **_hashed(password), "administrates": True})


def add_user(moment: Moment, *, username: str, email: str, display: str, service: bool) -> Struct:
    """Add a user without a password; the caller has looked that the name is free."""
    user: Struct = {
        "id": f"Users-{len(moment.all('user')) + 1}",
        "username": username,
        "email": email,
        "display": display,
        "service": service,
        "active": True,
        "administrates": False,
        "salt": "",
        "password": "",
    }
    moment.put("user", str(user["id"]), user)
    return user


def named(moment: Moment, username: str) -> Struct | None:
    """Return a user by name, in any case."""
    return next((user for user in moment.all("user") if str(user["username"]).lower() == username.lower()), None)


def sign_in(moment: Moment, username: str, password: str) -> tuple[Struct, str, str] | None:
    """Return user, session token and CSRF token; None if name and password are not those of an active person."""
    user = named(moment, username)
    if user is None or user["service"] is True or user["active"] is not True or not user["password"]:
        return None
    if not secrets.compare_digest(str(user["password"]), _digest(password, str(user["salt"]))):
        return None
    token, csrf = secrets.token_hex(24), secrets.token_hex(24)
    moment.put("session", _sha(token), {"user": user["id"], "csrf": _sha(csrf)})
    return user, token, csrf


def caller_of_key(moment: Moment, key: str) -> Caller | None:
    """Return whose API key this is."""
    found = next((item for item in moment.all("key") if item["hash"] == _sha(key)), None)
    user = moment.get("user", str(found["user"])) if found else None
    return Caller(user=user) if user and user["active"] is True else None


def caller_of_session(moment: Moment, token: str) -> Caller | None:
    """Return whose session this is."""
    session = moment.get("session", _sha(token))
    user = moment.get("user", str(session["user"])) if session else None
    return Caller(user=user, csrf=str(session["csrf"])) if session and user and user["active"] is True else None


def admits(caller: Caller, csrf: str) -> bool:
    """Tell whether a change comes with the CSRF token of its session; keys need none."""
    return not caller.csrf or secrets.compare_digest(caller.csrf, _sha(csrf))


def add_key(moment: Moment, user: Struct, purpose: str) -> tuple[Struct, str]:
    """Return a new API key's record and the key, which is never seen again."""
    key = "API-" + secrets.token_hex(16).upper()
    made = f"{user['id']}/{purpose}/{moment.now}/{len(moment.all('key'))}"  # the id follows from it, unlike the key
    record: Struct = {
        "id": f"apikeys-{_sha(made)[:16]}", "user": user["id"], "purpose": purpose, "hash": _sha(key), "hint": key[:7],
    }  # fmt: skip
    moment.put("key", str(record["id"]), record)
    return record, key


def keys_of(moment: Moment, user: Struct) -> list[Struct]:
    """Return the records of a user's keys."""
    return [item for item in moment.all("key") if item["user"] == user["id"]]


def node_limit(licence: str) -> int | None:
    """Return how many nodes a licence allows: 1 if it says nothing (requirement 40), None if it has no end."""
    found = _NODE_LIMIT.search(licence)
    if found is None:
        return 1
    return int(found[1]) if found[1].isdigit() else None


def _hashed(password: str) -> Struct:
    salt = secrets.token_hex(16)
    return {"salt": salt, "password": _digest(password, salt)}


def _digest(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), bytes.fromhex(salt), _ROUNDS).hex()


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
