"""Which template made a stack: what a newer one leaves out, an older stack keeps."""

from __future__ import annotations

import pytest

from cellctl.run.born import born_of
from cellctl.state.values import Struct
from cellctl.versions import TEMPLATE


@pytest.mark.parametrize(
    ("record", "born"),
    [
        ({}, TEMPLATE),
        ({"born": 6, "versions": {"template": "9"}}, 6),
        ({"born": 5, "versions": {"template": "6"}}, 5),
        ({"born": 5.0}, 5),
        ({"versions": {"template": "3"}}, 3),
        ({"versions": {"template": "6"}}, 5),  # nobody wrote it down before 6
        ({"versions": {"cellctl": "0.1.0"}}, TEMPLATE),
    ],
)
def test_a_record_says_it_or_is_of_before(record: Struct, born: int) -> None:
    assert born_of(record) == born
