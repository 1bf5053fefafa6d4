"""Answers that every part of the API gives alike: errors, and what a request's body must hold."""

from __future__ import annotations

import json

from cellctl.state.values import Struct
from cellctl_sandbox.standins.web import Response, json_response


def error(status: int, message: str) -> Response:
    """Return an error as Octopus words it."""
    return json_response({"ErrorMessage": message, "Errors": [message]}, status=status)


def not_found(what: str) -> Response:
    """Return that there is no such resource."""
    return error(404, f"The resource '{what}' was not found.")


def fields(body: bytes, **needed: type) -> Struct | Response:
    """Return the JSON object in `body` if it has the `needed` members of these types, else the error to answer."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return error(400, "The body is not a JSON object.")
    wrong = [name for name, kind in needed.items() if not isinstance(document.get(name), kind)]
    return error(400, f"The body has no valid {' and '.join(wrong)}.") if wrong else document
