"""Room in a comment, in characters as forges count them; what does not fit is left out whole, counted and said."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def size(text: str) -> int:
    """Return how long a text is for a forge: UTF-16 units, of which no character has fewer than one."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


class Budget:
    """Collects whole blocks of text until there is no more room."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._blocks: list[str] = []

    @property
    def left(self) -> int:
        """How many characters still fit."""
        return self._left

    def reserve(self, characters: int) -> None:
        """Keep room for what comes later; give it back with a negative number."""
        self._left -= characters

    def add(self, block: str) -> bool:
        """Add a block and a blank line, or nothing; tell whether it fitted."""
        needed = size(block) + 2
        if needed > self._left:
            return False
        self._left -= needed
        self._blocks.append(block)
        return True

    def add_rows(self, head: str, rows: Sequence[str], left_out: Callable[[int], str], *, share: float = 1.0) -> int:
        """Add `head` and as many rows as fit into `share` of the room; return how many were left out, which is said.

        `left_out` makes the line that says it.
        """
        room = int(self._left * share) - size(head) - size(left_out(len(rows))) - 4
        taken = 0
        for row in rows:
            room -= size(row) + 1
            if room < 0:
                break
            taken += 1
        missing = len(rows) - taken
        lines = [head, *rows[:taken], *([left_out(missing)] if missing else [])]
        return missing if self.add("\n".join(lines)) else len(rows)

    def text(self) -> str:
        """Return everything that fitted."""
        return "\n\n".join(self._blocks) + "\n"
