"""Roots of RDS: each is a certificate of its region, and a connection to a server of RDS trusts that one alone."""

from __future__ import annotations

import datetime as dt

from cryptography import x509

from cellctl.facts.roots import root_of, roots
from cellctl_components.layout import facts


def test_each_root_is_that_of_its_region_and_signs_certificates_for_years() -> None:
    known = roots("rds").by_region
    for region, pem in known.items():
        found = x509.load_pem_x509_certificate(pem.encode())
        assert f"Amazon RDS {region} Root CA RSA2048 G1" in found.subject.rfc4514_string()
        assert found.issuer == found.subject
        found.verify_directly_issued_by(found)
        assert found.not_valid_after_utc > dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
    assert len(known) > 20


def test_every_region_that_a_cell_may_be_in_has_one_but_those_that_are_known_to_lack_it() -> None:
    regions = set(facts("aws", "regions")["zones"])
    assert regions - set(roots("rds").by_region) == {"ca-west-1", "il-central-1"}  # KNOWN_ISSUES.md


def test_only_names_of_rds_have_one() -> None:
    assert root_of("cell-acme-sql.abc.eu-west-1.rds.amazonaws.com")
    assert root_of("CELL.abc.EU-WEST-1.rds.amazonaws.com.") == root_of("x.eu-west-1.rds.amazonaws.com")
    for name in ("sql-acme.database.windows.net", "eu-west-1.rds.amazonaws.com.example.com", "10.0.0.1"):
        assert root_of(name) == ""
