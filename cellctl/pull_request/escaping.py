"""Foreign text in a comment: one function, `visible`, through which all of it goes, and the two places it may stand in.

Names, values and messages come from files and clouds that an attacker may write. `visible` makes them one line of
characters that can be seen, and masks what looks like a credential. What is too long for its place is never cut: its
size and hash stand there instead. `code` puts that into `<code>`, where no forge
looks for mentions, references or Markdown; `fenced` into a code block whose fence no line can close.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from cellctl.plan import SECRET_TEXT

LONGEST = 300
WHOLE = 0
"""No limit: for the report, its JSON and its page."""
_CREDENTIALS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abprs]-[\w-]{10,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?<=sig=)[^&\s]+|(?<=AccountKey=)[^;\s]+|(?<=SharedAccessKey=)[^;\s]+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?i:(?<=password=)|(?<=passwd=)|(?<=pwd=)|(?<=secret=)|(?<=token=)|(?<=bearer ))[^\s;,&\"']+",
    re.DOTALL,
)
# In code blocks and in HTML these look like others, or like nothing: format, control, surrogate, private, unassigned.
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Me")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -,/=+;()?%")


def masked(text: str) -> str:
    """Return `text` with everything that looks like a credential masked: the last net, after redaction."""
    return _CREDENTIALS.sub(SECRET_TEXT, text)


def visible(text: str, limit: int = LONGEST) -> str:
    """Return one line of characters that can all be seen, credentials masked; `limit` is `WHOLE` or at least 100.

    A line of more than `limit` characters is not cut: how long it is, and its hash, are said instead. Line breaks,
    tabs and runs of blanks become one blank; characters without a picture of their own (zero-width, bidirectional,
    combining, control) become `·`.
    """
    flat = " ".join(masked(text).split())
    shown = "".join("·" if unicodedata.category(character) in _UNSEEN else character for character in flat)
    line = "".join(" " if unicodedata.category(character) == "Zs" else character for character in shown)
    return line if limit == WHOLE or len(line) <= limit else _instead(line)


def _instead(line: str) -> str:
    """Return what stands for a text that is too long: two that differ can be told apart, and it is found elsewhere."""
    digest = hashlib.sha256(line.encode()).hexdigest()[:12]
    return f"({len(line):,} characters, sha256 {digest}; whole in the report as JSON or HTML)"


def code(text: str, limit: int = LONGEST) -> str:
    """Return `text` as HTML code for any place in Markdown: headings, tables, lists, summaries. Nothing in it acts.

    All of ASCII that could structure anything becomes entities, which never do.
    """
    line = visible(text, limit) or " "
    return f"<code>{''.join(map(_entity, line))}</code>"


def _entity(character: str) -> str:
    return character if character in _PLAIN or ord(character) > 127 else f"&#{ord(character)};"


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Return a code block of lines made of `visible` texts; its fence is longer than any run of backticks inside."""
    body = list(lines)
    runs = (len(run) for line in body for run in re.findall("`+", line))
    fence = "`" * max(3, 1 + max(runs, default=0))
    return "\n".join([f"{fence}{language}", *body, fence])
