"""Stacks of these tests share a salt: deriving a key costs as much CPU as everything else that a test does."""

import secrets

import pytest


@pytest.fixture(autouse=True)
def one_salt(monkeypatch):
    drawn = secrets.token_bytes
    monkeypatch.setattr(secrets, "token_bytes", lambda size=None: b"of-tests" if size == 8 else drawn(size))
