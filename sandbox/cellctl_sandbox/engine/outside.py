"""Providers that may wait for anything at all, such as plugins: whoever calls one lets others work meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from cellctl_provider import baton
from cellctl_provider.protocol import Provider

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def in_line(provider: Provider) -> Provider:
    """Return a provider that is safe to call with the baton: itself, if it says that it gives it up where it waits."""
    return provider if getattr(provider, "holds_baton", False) else cast(Provider, _Outside(provider))


class _Outside:
    """The same provider, without the baton."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> Callable[[object], object]:
        return _without_baton(getattr(self._provider, name))


def _without_baton(method: Callable[P, R]) -> Callable[P, R]:
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with baton.aside():
            return method(*args, **kwargs)

    return call
