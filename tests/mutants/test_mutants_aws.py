"""Mutants of the default cell on AWS; a file for each cloud, so that both come up at the same time."""

from __future__ import annotations

from wrong_programs import WrongPrograms


class TestAws(WrongPrograms):
    cloud = "aws"
