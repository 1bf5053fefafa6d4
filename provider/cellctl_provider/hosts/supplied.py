"""Secrets that the program around cellctl has: asked for over the socket of the run (`Hooks.secrets`)."""

from __future__ import annotations

import json
import os
import socket

from cellctl.errors import EngineError
from cellctl_provider.octopus.licence import node_limit
from cellctl_provider.protocol import ProviderError

VARIABLE = "CELLCTL_SECRETS"
_WAIT_S = 120.0
_LARGEST = 1 << 20


def supplied(reference: str) -> str | None:
    """Return the value that the program has for a reference; None where it has none, or there is no program to ask.

    Raises:
        ProviderError: It failed, or does not answer.
    """
    path = os.environ.get(VARIABLE, "")
    if not path:
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(_WAIT_S)
            asking.connect(path)
            asking.sendall(json.dumps({"reference": reference}).encode() + b"\n")
            with asking.makefile("rb") as answer:
                found = json.loads(answer.read(_LARGEST))
    except (OSError, ValueError):
        raise ProviderError(f"nobody answers for the secret {reference}: the run has ended", code="internal") from None
    if found.get("failed"):
        message = f"the program that runs cellctl could not give the secret {reference} ({found['failed']})"
        raise ProviderError(message, code="internal")
    value = found.get("value")
    return value if isinstance(value, str) else None


class SuppliedLicences:
    """Tells how many nodes a licence allows that the program has (entry-point group `cellctl.licences`)."""

    def licensed_nodes(self, reference: str) -> int:
        """Return it; EngineError where the program has none (code `secret_unreadable`)."""
        try:
            value = supplied(reference)
        except ProviderError as error:
            raise EngineError(error.message, code="secret_unreadable") from error
        if value is None:
            raise EngineError(f"nobody here has the secret {reference}", code="secret_unreadable")
        return node_limit(value)
