"""How an operation is to be done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The flags of an operation.

    `replace`, `targets`, `excludes`: URNs or globs (`selection.Patterns`). `refresh`: read everything before.
    `exclude_protected` (destroy): protected resources, and what they need, stay. `clear_pending_creates` (refresh):
    forget what may have been made. `continue_on_error`: what does not depend on a failure is done all the same.
    `run_program` (refresh, destroy): run the program for its providers. `ignore_protect`: what is protected may be
    deleted and replaced. `provider_previews`: in a preview providers say what a change would lead to.
    """

    parallel: int = 16
    refresh: bool = False
    replace: frozenset[str] = frozenset()
    exclude_protected: bool = False
    clear_pending_creates: bool = False
    targets: frozenset[str] = frozenset()
    excludes: frozenset[str] = frozenset()
    target_dependents: bool = False
    exclude_dependents: bool = False
    continue_on_error: bool = False
    run_program: bool = False
    ignore_protect: bool = False
    provider_previews: bool = True
