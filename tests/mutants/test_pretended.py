"""The sandbox knows every type, argument and output that the programs use: it acts on them, or says why it does not."""

from __future__ import annotations

from cellctl_sandbox.testing.pretended import Reads, excused, hollow, pretended

PROVIDERS = ("aws:", "azure-native:")


def test_no_argument_is_only_echoed(mutation) -> None:
    assert mutation.trial.troubles() == []
    reads: Reads = mutation.reads
    used: dict[str, set[str]] = {}
    for record in mutation.trial.records:
        if record.urn:
            used.setdefault(record.type, set()).update(record.inputs)
    assert len(used) > 20
    found = {token: pretended(token, names, reads.seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in found.items() if names} == {}
    stale = {token: excused(token, names, reads.seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in stale.items() if names} == {}


def test_no_output_that_a_program_takes_is_a_placeholder(mutation) -> None:
    taken = {token: names for token, names in mutation.taken.items() if token.startswith(PROVIDERS)}
    assert taken
    found = {token: hollow(token, names) for token, names in taken.items()}
    assert {token: names for token, names in found.items() if names} == {}
