"""The table of accounts: whose base is there, and whose is being taken away."""

from __future__ import annotations

from sqlalchemy import Table, UniqueConstraint

from cellctl.registry import states
from cellctl.registry.columns import key, life, metadata, one_of, words

accounts = Table(
    "accounts",
    metadata,
    key(),
    words("account", None),
    words("cloud", None),
    words("name"),
    *life(),
    UniqueConstraint("account", "cloud"),
    one_of("accounts_state", "state", states.ACCOUNT),
)
