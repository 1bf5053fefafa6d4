"""Redaction: nothing secret may stand in a Plan or an Event, so values pass through here before one exists.

Three nets: the wrappers that mark secrets on the wire, property names that only ever carry secrets, and texts that are
known to be secret (a provider may quote one in a message).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cellctl.plan import SECRET_TEXT, UNKNOWN_TEXT
from cellctl.state.values import ARCHIVE, ASSET, SIGNATURE, UNKNOWN, Struct, Value, is_secret

MINIMAL_SECRET = 6  # shorter texts would blank out ordinary words
LONGEST_TEXT = 2000
_SECRET_NAME = re.compile(
    r"(password|passphrase|passwd|secretstring|secretbinary|connectionstring|privatekey|masterkey|accesskey\d?|"
    r"secretkey|sharedkey|apikey|accountkey|sessiontoken|authtoken|bearertoken|sastoken|activationkey|"
    r"clientsecret|licencetext|licensekey|protectedsettings)$"
)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")


class Redactor:
    """Masks secrets in values and texts. `texts` are secrets in clear that may appear anywhere."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        known = {text for text in texts if len(text) >= MINIMAL_SECRET}
        joined = "|".join(re.escape(text) for text in sorted(known, key=len, reverse=True))
        self._known = re.compile(joined) if joined else None

    def text(self, text: str) -> str:
        """Return `text` with known secrets and credentials in URLs masked, cut at `LONGEST_TEXT` characters."""
        if self._known is not None:
            text = self._known.sub(SECRET_TEXT, text)
        text = _CREDENTIALS_IN_URL.sub(SECRET_TEXT, text).replace(UNKNOWN, UNKNOWN_TEXT)
        return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"

    def value(self, value: Value, name: str = "") -> Value:
        """Return a wire value as a reader may see it; `name` is the property that holds it."""
        if is_secret(value):
            return SECRET_TEXT
        if value == UNKNOWN:
            return UNKNOWN_TEXT
        if isinstance(value, str):
            return SECRET_TEXT if value and names_secret(name) else self.text(value)
        if isinstance(value, dict):
            return self._struct(value)
        if isinstance(value, list):
            return [self.value(item, name) for item in value]
        return value

    def _struct(self, value: Struct) -> Value:
        signature = value.get(SIGNATURE)
        if signature in (ASSET, ARCHIVE):
            return f"<asset {str(value.get('hash') or '')[:12]}>"
        if signature is not None:
            return self.value(value.get("value"))
        return {key: self.value(item, key) for key, item in value.items()}


def names_secret(name: str) -> bool:
    """Tell whether a property of this name only ever carries a secret (`masterPassword`, `primaryConnectionString`)."""
    return _SECRET_NAME.search(name.replace("_", "").replace("-", "").lower()) is not None
