"""A cursor over the tokens of a batch: what the grammar rules are written with."""

from __future__ import annotations

from collections.abc import Sequence

from cellctl_sandbox.standins.tds.errors import SqlError, syntax
from cellctl_sandbox.standins.tds.lexer import Token, tokens

STARTERS = (
    "CREATE", "ALTER", "DROP", "USE", "IF", "BEGIN", "COMMIT", "ROLLBACK", "SET", "DECLARE", "EXEC", "EXECUTE", "KILL",
    "PRINT", "THROW", "RAISERROR", "RETURN", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "GRANT", "DENY",
    "REVOKE", "WAITFOR", "MERGE", "BACKUP", "RESTORE", "WHILE",
)  # fmt: skip
"""Keywords that start a statement where no parenthesis is open."""

_CONTINUES_SELECT = ("UNION", "ALL", "EXCEPT", "INTERSECT")


class Cursor:
    """The tokens of one batch and a position in them."""

    def __init__(self, batch: str) -> None:
        self._batch = batch
        self._tokens = tokens(batch)
        self._position = 0

    @property
    def current(self) -> Token:
        """The token at the position."""
        return self._tokens[self._position]

    @property
    def at_end(self) -> bool:
        """Tell whether nothing is left."""
        return self.current.kind == "end"

    def peek(self, ahead: int) -> Token:
        """Return the token `ahead` places on."""
        return self._tokens[min(self._position + ahead, len(self._tokens) - 1)]

    def advance(self) -> Token:
        """Return the current token and move on."""
        token = self.current
        if token.kind != "end":
            self._position += 1
        return token

    def start(self) -> int:
        """Return the position, for `since` and `back_to`."""
        return self._position

    def back_to(self, position: int) -> None:
        """Return to an earlier position."""
        self._position = position

    def since(self, position: int) -> str:
        """Return the text from `position` to here."""
        last = self._tokens[max(self._position - 1, position)]
        return self._batch[self._tokens[position].start : last.end]

    def error(self) -> SqlError:
        """Return error 102 at the current token."""
        near = self.current.text or (self._tokens[self._position - 1].text if self._position else "")
        return syntax(near, self._batch)

    def accept(self, *words: str) -> str:
        """Take the current token if it is one of these keywords; return it in upper case, else nothing."""
        return self.advance().value.upper() if self.current.is_word(*words) else ""

    def accept_operator(self, text: str) -> bool:
        """Take the current token if it is this operator."""
        if self.current.is_operator(text):
            self._position += 1
            return True
        return False

    def words(self, *words: str) -> None:
        """Take these keywords in this order, or fail."""
        for word in words:
            if not self.accept(word):
                raise self.error()

    def one_of(self, *words: str) -> str:
        """Take one of these keywords, or fail."""
        word = self.accept(*words)
        if not word:
            raise self.error()
        return word

    def operator(self, text: str) -> None:
        """Take this operator, or fail."""
        if not self.accept_operator(text):
            raise self.error()

    def name(self) -> str:
        """Take an identifier of 1 to 128 characters, or fail."""
        if not self.current.is_name:
            raise self.error()
        name = self.advance().value
        if not name:
            raise SqlError(1038, "An object or column name is missing or empty.", severity=15, state=4)
        if len(name) > 128:
            raise SqlError(103, f"The identifier that starts with '{name[:20]}' is too long.", severity=15, state=4)
        return name

    def dotted_name(self) -> str:
        """Take a name with up to three qualifiers; returned joined by dots."""
        parts = [self.name()]
        while self.accept_operator("."):
            parts.append("" if self.current.is_operator(".") else self.name())
        return ".".join(parts)

    def variable(self) -> str:
        """Take a variable, or fail."""
        if self.current.kind != "variable":
            raise self.error()
        return self.advance().value

    def literal(self) -> str:
        """Take a string, number, binary literal or word and return its value."""
        if self.current.kind not in {"string", "number", "binary", "word"}:
            raise self.error()
        return self.advance().value

    def option_list(self) -> dict[str, str]:
        """Take `( NAME = value [unit], ... )`."""
        self.operator("(")
        options: dict[str, str] = {}
        while True:
            key = self.name().upper()
            self.operator("=")
            options[key] = self.literal()
            self.accept("GB", "MB")
            if not self.accept_operator(","):
                break
        self.operator(")")
        return options

    def type_name(self) -> str:
        """Take the name of a type with its length or precision."""
        name = self.dotted_name()
        if self.accept_operator("("):
            while not self.accept_operator(")"):
                if self.at_end:
                    raise self.error()
                self.advance()
        return name

    def until(
        self, words: Sequence[str], *, stop_at_comma: bool = False, stop_at_close: bool = False
    ) -> tuple[Token, ...]:
        """Take tokens up to `;`, the end, or one of `words` outside of parentheses and CASE ... END."""
        taken: list[Token] = []
        depth = cases = 0
        while not self.at_end:
            token = self.current
            if depth == 0 and cases == 0:
                if token.is_operator(";") or token.is_word(*words):
                    break
                if (stop_at_comma and token.is_operator(",")) or (stop_at_close and token.is_operator(")")):
                    break
            depth += token.is_operator("(") - token.is_operator(")")
            cases += token.is_word("CASE") - (token.is_word("END") and cases > 0)
            if depth < 0:
                raise self.error()
            taken.append(self.advance())
        if depth:
            raise self.error()
        return tuple(taken)

    def query_tokens(self) -> tuple[Token, ...]:
        """Take one SELECT, INSERT, UPDATE, DELETE, or CREATE, DROP, TRUNCATE TABLE statement."""
        taken = [self.advance()]
        verb = taken[0].value.upper()
        taken_select = verb not in {"INSERT", "WITH"}
        while True:
            stop = self._starters_of(verb)
            taken += self.until(stop)
            if self.current.is_word("SELECT") and (not taken_select or taken[-1].is_word(*_CONTINUES_SELECT)):
                taken_select = True
                taken.append(self.advance())
                continue
            if verb == "WITH" and self.current.is_word("INSERT", "UPDATE", "DELETE") and not taken_select:
                verb, taken_select = self.current.value.upper(), self.current.value.upper() != "INSERT"
                taken.append(self.advance())
                continue
            return tuple(taken)

    @staticmethod
    def _starters_of(verb: str) -> tuple[str, ...]:
        allowed = {"UPDATE": {"SET"}, "DROP": {"IF"}}.get(verb, set())
        return tuple(word for word in (*STARTERS, "ELSE", "END") if word not in allowed)
