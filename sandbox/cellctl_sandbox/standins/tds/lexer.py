"""Tokens of T-SQL: words, [quoted] and "quoted" names, strings, numbers, binary literals, variables, operators.

Source: Transact-SQL reference, "Database identifiers" and "Constants" (Microsoft, 2024).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cellctl_sandbox.standins.tds.errors import SqlError, syntax

Kind = Literal["word", "name", "string", "number", "binary", "variable", "operator", "end"]

_SPACE = re.compile(r"\s+|--[^\n]*")
_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("string", re.compile(r"[Nn]?'(?:[^']|'')*'")),
    ("name", re.compile(r"\[(?:[^\]]|\]\])*\]")),
    ("name", re.compile(r'"(?:[^"]|"")*"')),
    ("binary", re.compile(r"0[xX][0-9A-Fa-f]*")),
    ("number", re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+")),
    ("variable", re.compile(r"@@?[A-Za-z_#$@][\w#$@]*")),
    ("word", re.compile(r"[^\W\d][\w#$@]*|#[\w#$@]+")),
    ("operator", re.compile(r"<>|<=|>=|!=|!<|!>|\+=|-=|::|[-+*/%=<>().,;&|^~]")),
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` is as written, `value` without quotes, `start` and `end` are offsets in the batch."""

    kind: Kind
    text: str
    value: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Tell whether this is one of these keywords (given in upper case)."""
        return self.kind == "word" and self.value.upper() in words

    def is_operator(self, text: str) -> bool:
        """Tell whether this is the operator `text`."""
        return self.kind == "operator" and self.text == text

    @property
    def is_name(self) -> bool:
        """Tell whether this may stand for an identifier."""
        return self.kind in {"word", "name"}


def tokens(batch: str) -> list[Token]:
    """Return the tokens of a batch and a last one of kind `end`; raises 102, 105 or 113."""
    found: list[Token] = []
    position = 0
    while position < len(batch):
        skipped = _SPACE.match(batch, position)
        if skipped:
            position = skipped.end()
        elif batch.startswith("/*", position):
            position = _comment_end(batch, position)
        else:
            found.append(_token(batch, position))
            position = found[-1].end
    found.append(Token("end", "", "", len(batch), len(batch)))
    return found


def _comment_end(batch: str, start: int) -> int:
    """Return where a block comment ends; they nest."""
    depth, position = 0, start
    while position < len(batch):
        if batch.startswith("/*", position):
            depth, position = depth + 1, position + 2
        elif batch.startswith("*/", position):
            depth, position = depth - 1, position + 2
            if depth == 0:
                return position
        else:
            position += 1
    raise SqlError(113, "Missing end comment mark '*/'.", severity=15)


def _token(batch: str, position: int) -> Token:
    for kind, pattern in _PATTERNS:
        match = pattern.match(batch, position)
        if match:
            text = match.group()
            return Token(kind, text, _value(kind, text), position, match.end())
    rest = batch[position : position + 40]
    if rest[0] in "'[\"" or rest[:2].upper() == "N'":
        raise SqlError(105, f"Unclosed quotation mark after the character string '{rest}'.", severity=15)
    raise syntax(rest[0], batch)


def _value(kind: Kind, text: str) -> str:
    if kind == "string":
        return text[text.index("'") + 1 : -1].replace("''", "'")
    if kind == "name":
        close = text[-1]
        return text[1:-1].replace(close * 2, close)
    return text


def quote_string(text: str) -> str:
    """Return an N'' literal."""
    return "N'" + text.replace("'", "''") + "'"
