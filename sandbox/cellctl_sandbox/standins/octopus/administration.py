"""Users, API keys, the team of administrators and the licence, for callers who administrate."""

from __future__ import annotations

import re

from cellctl.state.values import Struct, Value, bare, secret
from cellctl_sandbox.standins.octopus import people
from cellctl_sandbox.standins.octopus.answers import error, fields, not_found
from cellctl_sandbox.standins.octopus.cluster import Moment
from cellctl_sandbox.standins.web import Request, Response, json_response

_USER = re.compile(r"/api/users/(?P<user>Users-\d+)")
_KEYS = re.compile(r"/api/users/(?P<user>Users-\d+)/apikeys(/(?P<key>[a-z0-9-]+))?")
_TEAM = f"/api/teams/{people.ADMINISTRATORS}"
_LICENCE = "/api/licenses/licenses-current"


def administration(request: Request, moment: Moment) -> Response:
    """Answer a request of an administrator; 404 for what there is not."""
    path = request.path.rstrip("/")
    keys, user = _KEYS.fullmatch(path), _USER.fullmatch(path)
    if keys is not None:
        return _keys(request, moment, keys["user"], keys["key"] or "")
    if user is not None:
        return _user(request, moment, user["user"])
    if path == "/api/users/all" and request.method == "GET":
        return json_response([_described(item) for item in moment.all("user")])
    if path == "/api/users" and request.method == "POST":
        return _add_user(request, moment)
    if path == _TEAM and request.method in ("GET", "PUT"):
        return _team(request, moment)
    if path == _LICENCE and request.method in ("GET", "PUT"):
        return _licence(request, moment)
    return not_found(request.path)


def _described(user: Struct) -> Struct:
    return {
        "Id": user["id"],
        "Username": user["username"],
        "DisplayName": user["display"],
        "EmailAddress": user["email"],
        "IsService": user["service"],
        "IsActive": user["active"],
    }


def _add_user(request: Request, moment: Moment) -> Response:
    given = fields(request.body, Username=str, DisplayName=str)
    if isinstance(given, Response):
        return given
    username, email = str(given["Username"]).strip(), str(given.get("EmailAddress") or "")
    refused = _refused(moment, username, str(given["DisplayName"]), but="")
    if refused is not None:
        return refused
    made = people.add_user(
        moment,
        username=username,
        email=email,
        display=str(given["DisplayName"]),
        service=given.get("IsService") is True,
    )
    return json_response(_described(made), status=201)


def _user(request: Request, moment: Moment, user_id: str) -> Response:
    user = moment.get("user", user_id)
    if user is None:
        return not_found(user_id)
    if request.method == "GET":
        return json_response(_described(user))
    if request.method != "PUT":
        return error(405, "The sandbox does not serve this method.")
    given = fields(request.body, Username=str, DisplayName=str, IsActive=bool)
    if isinstance(given, Response):
        return given
    refused = _refused(moment, str(given["Username"]), str(given["DisplayName"]), but=user_id)
    if refused is not None:
        return refused
    changed = {
        **user,
        "username": str(given["Username"]).strip(),
        "display": given["DisplayName"],
        "email": str(given.get("EmailAddress") or ""),
        "active": given["IsActive"],
    }
    moment.put("user", user_id, changed)
    return json_response(_described(changed))


def _refused(moment: Moment, username: str, display: str, *, but: str) -> Response | None:
    if not 0 < len(username.strip()) <= 64 or not 0 < len(display) <= 64:
        return error(400, "Please enter a username and a display name of at most 64 characters.")
    other = people.named(moment, username.strip())
    if other is not None and other["id"] != but:
        return error(400, f"A user with the username '{username}' already exists.")
    return None


def _keys(request: Request, moment: Moment, user_id: str, key_id: str) -> Response:
    user = moment.get("user", user_id)
    if user is None:
        return not_found(user_id)
    if request.method == "GET" and not key_id:
        items: list[Value] = [_key(record) for record in people.keys_of(moment, user)]
        return json_response({"Items": items, "TotalResults": len(items)})
    if request.method == "POST" and not key_id:
        given = fields(request.body, Purpose=str)
        if isinstance(given, Response):
            return given
        record, key = people.add_key(moment, user, str(given["Purpose"]))
        return json_response({**_key(record), "ApiKey": key}, status=201)
    if request.method == "DELETE" and any(record["id"] == key_id for record in people.keys_of(moment, user)):
        moment.remove("key", key_id)
        return json_response({})
    return not_found(key_id)


def _key(record: Struct) -> Struct:
    masked: Struct = {"HasValue": True, "Hint": record["hint"]}
    return {"Id": record["id"], "Purpose": record["purpose"], "UserId": record["user"], "ApiKey": masked}


def _team(request: Request, moment: Moment) -> Response:
    if request.method == "PUT":
        given = fields(request.body, MemberUserIds=list)
        if isinstance(given, Response):
            return given
        members = given["MemberUserIds"]
        assert isinstance(members, list)
        if not any(user["id"] in members and user["active"] is True for user in moment.all("user")):
            return error(400, "There must be an administrator.")
        for user in moment.all("user"):
            moment.put("user", str(user["id"]), {**user, "administrates": user["id"] in members})
    found: list[Value] = [user["id"] for user in moment.all("user") if user["administrates"] is True]
    return json_response({"Id": people.ADMINISTRATORS, "Name": "Octopus Administrators", "MemberUserIds": found})


def _licence(request: Request, moment: Moment) -> Response:
    if request.method == "PUT":
        given = fields(request.body, LicenseText=str)
        if isinstance(given, Response):
            return given
        text = str(given["LicenseText"])
        if not text.lstrip().startswith("<License"):
            return error(400, "The license key is not valid.")
        moment.put("licence", "current", {"text": secret(text)})
    kept = moment.get("licence", "current")
    return json_response({"Id": "licenses-current", "LicenseText": bare(kept["text"]) if kept else ""})
