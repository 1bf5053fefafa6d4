"""Mutants of the default cell on AWS; a file for each cloud, so that both come up at the same time."""

from __future__ import annotations

from wrong_programs import WrongPrograms


class TestAws(WrongPrograms):
    cloud = "aws"

    def test_nobody_reaches_the_appliance_once_its_gateway_is_activated(self, mutation) -> None:
        (why,) = mutation.trial.closed()
        assert "(cell-acme-gateway) admits 10.255.0.4 to port 80/tcp" in why
