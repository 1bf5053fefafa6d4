"""When two plans are the same change to different cells: one digest of what would change, without what only names it.

Pure; knows no Plan. Order, the cell's own name, ids that a cloud drew by lot, the hours at which a cloud did something
and a certificate that a cell drew for itself do not count; everything else does, other times and certificates too. What
does not count does by where else it stands: `a → b` is not `a → a`. In doubt two plans differ.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cellctl.state.values import Value

# Words that plans use for something else. A cell of such a name keeps it, so it is equal to no other cell.
WORDS = frozenset(
    """
    trial standard gold basic premium general business critical small medium large xlarge micro nano metal
    windows linux smb nfs both ui worker node nodes cell cells octopus octo oct aws azure arn internal public
    private ingress egress network database sql files file gateway shares secrets alarms admin administrator
    true false none null enabled disabled allow deny tcp udp http https zone local geo dedicated per-node
    redis eu us ap af sa ca me il mx cn gov west east north south central westeurope northeurope eastus westus
    uksouth ukwest com org net io dev prod test sandbox id name type key value
    """.split()  # noqa: SIM905
)
_NAME, _DRAWN, _ID = "\x00n", "\x00d", "\x00i"  # JSON escapes control characters, so no text holds these
_NOISE = re.compile(
    r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)"
)
# Properties that say when a cloud did something, and the certificate of a cell that was given none. A time elsewhere
# was somebody's choice: the point that a database is restored to.
_NOISY = frozenset(
    """
    certificateBody notBefore notAfter
    createdAt createDate createdDate createTime createdTime creationDate creationTime
    updatedAt modifiedDate lastModified lastModifiedAt lastModifiedDate lastModifiedTime lastModifiedTimeUtc
    latestRestorableTime earliestRestoreDate
    """.split()  # noqa: SIM905
)
_LEAF = re.compile(r'([^.\[\]"]*)"?\]?(?:\[\d+\])*\Z')
# Images and snapshots are left out: which one it is, is the change.
_IDS = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b(?:i|vpc|subnet|sgr?|vol|eni|rtb|rtbassoc|igw|nat|eipalloc|eipassoc|vpce|acl|fl|sgw|share)-[0-9a-f]{8,17}\b"
    r"|(?<=:)\d{12}(?=:)"
)
# With a digit, few vowels or many consonants in a row: a word of twelve letters is no digest.
_NO_WORD = r"(?:(?=[a-z]*[2-7])|(?=[a-z]*[^aeiouy2-7]{4})|(?=(?:[^aeiouy]*[aeiouy]?){3}[^aeiouy]*(?![a-z2-7])))"
_WITH_DIGEST = rf"(?:(?P<role>(?:-[a-z0-9]+)*?)-(?P<drawn>{_NO_WORD}[a-z2-7]{{12}}))?"
_CUT = re.compile(
    r"(?<![A-Za-z0-9])(?:st(?P<account>[a-z0-9]{2,10})[a-z2-7]{12}|kv-(?P<vault>[a-z0-9-]{2,8})-[a-z2-7]{12}"
    r"|(?P<node>[a-z0-9-]{2,3})[a-z2-7]{10}(?=-\d))(?![A-Za-z0-9])"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One property: what stood there and what would, None for nothing; `facts` is what else counts of it."""

    path: str
    before: Value
    after: Value
    facts: tuple[str | bool, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One resource that would change: everything that counts, in `facts`, and its properties."""

    facts: tuple[Value, ...]
    differences: Sequence[Difference]


def digest(cell: str, head: Sequence[Value], rows: Iterable[Row]) -> str:
    """Return a sha256 in hex: equal for rows that differ in order, `cell`, drawn ids and noise only.

    `head` is what counts besides the rows.
    """
    names = _Names(cell)
    texts = [names.hidden(json.dumps(list(head), sort_keys=True)), *sorted(map(names.row, rows), key=_without_ids)]
    numbers: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return numbers.setdefault(found.group(), f"{_ID}{len(numbers)}")

    body = "\n".join([cell if names.told else "", *(_IDS.sub(numbered, text) for text in texts)])
    return hashlib.sha256(body.encode("utf-8", errors="surrogatepass")).hexdigest()


def _without_ids(text: str) -> tuple[str, str]:
    return _IDS.sub(_ID, text), text


class _Names:
    """Hides the ways in which resources are called after one cell; `told` where its name is a word and is kept."""

    def __init__(self, cell: str) -> None:
        self.told = cell in WORDS or len(cell) < 2
        if self.told:
            return
        self._cell, self._bare = cell, cell.replace("-", "")
        plain, low = re.escape(cell), re.escape(cell.replace("-", "_"))
        whole = f"(?:{plain}|{low})" if plain != low else plain
        self._whole = re.compile(rf"(?<![A-Za-z0-9]){whole}{_WITH_DIGEST}(?![A-Za-z0-9])")

    def hidden(self, text: str) -> str:
        """Return `text` with this cell's names hidden; the role between name and digest stays."""
        return text if self.told else _CUT.sub(self._cut, self._whole.sub(self._word, text))

    def _word(self, found: re.Match[str]) -> str:
        return f"{_NAME}{found['role']}{_DRAWN}" if found["drawn"] else _NAME

    def _cut(self, found: re.Match[str]) -> str:
        """Hide a name of which only the beginning had room before its digest, if it is this cell's beginning."""
        account, other = found["account"], found["vault"] or found["node"] or ""
        own = self._bare.startswith(account) if account else self._cell.startswith(other)
        return _NAME if own else found.group()

    def row(self, row: Row) -> str:
        """Return one resource as text."""
        own = self.hidden(json.dumps(list(row.facts), sort_keys=True))
        return "\n".join([own, *sorted(self._difference(item) for item in row.differences)])

    def _difference(self, item: Difference) -> str:
        before, after = _texts(item)
        hidden = self.hidden(before), self.hidden(after)
        # A name that comes or goes is a word of the value: db.m6i.large → db.m6i.xlarge in a cell called `large`.
        if item.before is None or item.after is None or hidden[0].count(_NAME) == hidden[1].count(_NAME):
            before, after = hidden
        return "\t".join([self.hidden(json.dumps(item.path)), before, after, json.dumps(item.facts)])


def _texts(item: Difference) -> tuple[str, str]:
    """Return both values as text, their noise numbered: that two hours coincide in two resources is chance."""
    numbers: dict[str, str] = {}
    before, after = (_text(_leaf(item.path), value, numbers) for value in (item.before, item.after))
    return before, after


def _text(key: str, value: Value, numbers: dict[str, str]) -> str:
    text = json.dumps(value, sort_keys=True)
    if not _NOISE.search(text):  # nearly always, and much faster than to look at every part
        return text
    if isinstance(value, dict):
        parts = (f"{json.dumps(name)}: {_text(name, value[name], numbers)}" for name in sorted(value))
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_text(key, part, numbers) for part in value)}]"
    return _NOISE.sub(lambda found: _numbered(found.group(), numbers), text) if key in _NOISY else text


def _numbered(noise: str, numbers: dict[str, str]) -> str:
    return numbers.setdefault(noise, f"{_DRAWN}\x00{len(numbers)}")  # apart: `d0` may be a cell


def _leaf(path: str) -> str:
    found = _LEAF.search(path)
    return found[1] if found else ""
