"""Which resources an operation is for: `--target`, `--exclude`, `--replace`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cellctl.state.resources import ResourceState
from cellctl_sandbox.engine.options import Options
from cellctl_sandbox.engine.urns import PROVIDER_PREFIX, ROOT_TYPE


class Patterns:
    """URNs, or globs: `*` stands for anything but a colon, `**` for anything."""

    def __init__(self, given: Iterable[str]) -> None:
        items = list(given)
        self.literals = {item for item in items if "*" not in item}
        self._globs = [_glob(item) for item in items if "*" in item]

    def __bool__(self) -> bool:
        """Tell whether anything was given."""
        return bool(self.literals or self._globs)

    def __contains__(self, urn: str) -> bool:
        """Tell whether a URN is meant."""
        return urn in self.literals or any(glob.fullmatch(urn) for glob in self._globs)


def _glob(text: str) -> re.Pattern[str]:
    parts = [re.escape(part).replace(re.escape("*"), "[^:]*") for part in text.split("**")]
    return re.compile(".*".join(parts), re.DOTALL)


class Selection:
    """The choice of one operation; a dependent's fate follows from what was decided of the resources before it."""

    def __init__(self, options: Options) -> None:
        self.targets = Patterns(options.targets)
        self.excludes = Patterns(options.excludes)
        self._replace = Patterns(options.replace)
        self._with_dependents = options.target_dependents
        self._without_dependents = options.exclude_dependents
        self._chosen: set[str] = set()

    @property
    def everything(self) -> bool:
        """Whether nothing was chosen, so that all take part."""
        return not self.targets and not self.excludes

    @property
    def strict(self) -> bool:
        """Whether only what was named may be made or deleted: something was named, and not its dependents."""
        return bool(self.targets) and not self._with_dependents

    def replaces(self, urn: str) -> bool:
        """Tell whether the caller wants a resource replaced."""
        return urn in self._replace

    def includes(self, state: ResourceState) -> bool:
        """Tell whether a resource takes part, in the order in which they are registered or stand in the state.

        Providers and the root stack always do.
        """
        if self.everything or state.type.startswith(PROVIDER_PREFIX) or state.type == ROOT_TYPE:
            return True
        return self.names(state)

    def names(self, state: ResourceState) -> bool:
        """Tell whether a resource was named, or follows one that was."""
        follows = bool(state.needs() & self._chosen)
        if self.targets:
            named = state.urn in self.targets or (self._with_dependents and follows)
        else:
            named = state.urn not in self.excludes and not (self._without_dependents and follows)
        if named == bool(self.targets):
            self._chosen.add(state.urn)
        return named

    def literals(self, *, of_refresh: bool) -> list[str]:
        """Return the URNs, not globs, that must be there: what a refresh reads, or what is to be replaced."""
        named = self.targets.literals | self.excludes.literals if of_refresh else self._replace.literals
        return sorted(named)
