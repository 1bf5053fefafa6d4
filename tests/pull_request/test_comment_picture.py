"""The comment of a change to 300 cells, as a real browser shows it; the picture in the docs is this one."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path

import fleets
import pytest
from github_page import WIDTH, page
from playwright.sync_api import Browser, Page, expect

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "pull-request-comment.png"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
SCREEN = 900

pytestmark = pytest.mark.needs("chromium")


def shown(browser: Browser, markdown: str) -> Page:
    view = browser.new_page(viewport={"width": WIDTH, "height": SCREEN})
    view.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    view.set_content(page(markdown))
    return view


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def with_source(png: bytes, text: str) -> bytes:
    """Return the picture with a note of the text that it shows."""
    body = b"tEXtSource\0" + digest(text).encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    end = png.index(b"IEND") - 4
    return png[:end] + chunk + png[end:]


def test_a_reviewer_sees_what_matters_on_the_first_screen(browser: Browser) -> None:
    """The picture is written anew by `PICTURES=1 python -m pytest tests/pull_request/test_comment_picture.py`."""
    text = fleets.example()
    view = shown(browser, text)
    for words in (
        "acme keeps running and is no longer described", "1 would REPLACE its database", "cell-zz-old-sql",
        "Octopus is upgraded: all nodes stop", "1 cell is refused", "this replaces cell-zz-old-sql",
        "cannot be assumed",
    ):  # fmt: skip
        box = view.get_by_text(words).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < SCREEN, words
    expect(view.get_by_text("engine: sqlserver-se")).to_be_visible()
    expect(view.get_by_text("version: 2026.4.7000").first).to_be_hidden()  # folded away
    assert view.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert view.locator("article").bounding_box()["height"] < 2 * SCREEN  # type: ignore[index]
    raw = view.locator("article").inner_text()
    assert not any(mark in raw for mark in ("```", "<details", "<code", "&#", "|---"))
    made = view.screenshot(full_page=True)
    assert made.startswith(SIGNATURE)
    if os.environ.get("PICTURES"):
        PICTURE.write_bytes(with_source(made, text))
    assert digest(text).encode() in PICTURE.read_bytes(), f"{PICTURE.name} shows another text: see above"
