"""A comment as a forge shows it: Markdown with tables and raw HTML, GitHub's measures, colours of a diff."""

from __future__ import annotations

import html

from markdown_it import MarkdownIt

WIDTH = 860
STYLE = """
body { margin: 0; padding: 16px; background: #fff; color: #1f2328; font: 14px/1.5 "DejaVu Sans", sans-serif; }
article { width: 800px; border: 1px solid #d1d9e0; border-radius: 6px; padding: 16px; overflow-wrap: break-word; }
h3 { font-size: 1.25em; } h4 { font-size: 1em; } h3, h4 { margin: 16px 0; } article > :first-child { margin-top: 0; }
table { border-collapse: collapse; display: block; overflow: auto; margin-bottom: 16px; }
th, td { border: 1px solid #d1d9e0; padding: 4px 13px; } tr:nth-child(2n) { background: #f6f8fa; }
code { background: #818b981f; border-radius: 6px; padding: .2em .4em; font: 85% "DejaVu Sans Mono", monospace; }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; overflow: auto; line-height: 1.45; }
pre code { background: none; padding: 0; }
.add { color: #116329; background: #dafbe1; } .del { color: #82071e; background: #ffebe9; }
.bad { color: #953800; } .dim { color: #59636e; }
"""
_DIFF = {"+": "add", "-": "del", "!": "bad", "#": "dim"}


def page(markdown: str) -> str:
    """Return the page that shows a comment."""
    renderer = MarkdownIt("commonmark", {"html": True, "highlight": _highlighted}).enable(["table", "strikethrough"])
    body = renderer.render(markdown)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><article>{body}</article>"


def _highlighted(text: str, language: str, _attributes: str) -> str:
    lines = text.splitlines()
    if language != "diff":
        return html.escape(text)
    spans = [f'<span class="{_DIFF[line[0]]}">{html.escape(line)}</span>' if line[:1] in _DIFF else html.escape(line)
             for line in lines]  # fmt: skip
    return "\n".join(spans)
