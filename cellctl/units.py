"""Annotated types of the cell file: each carries its range, its unit and where the range comes from.

Loads pydantic; nothing that must start fast may import this module.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

NAME_MIN, NAME_MAX = 2, 32
RESERVED_NAMES = frozenset({"all", "any", "none", "sandbox", "home", "con", "prn", "aux", "nul"})

_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
_VERSION = re.compile(r"(\d{4})\.([1-9]\d?)\.(0|[1-9]\d{0,5})")
_WINDOW = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d) UTC")
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_EMAIL = re.compile(r"[^@\s\"'<>(),;:\\]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_LABEL_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_RESERVED_LABELS = ("aws", "azure", "microsoft", "windows", "cellctl")


def check_slug(name: str) -> str:
    """Return `name` if an account or reef may be called so, else raise ValueError with one sentence.

    2 to 32 characters `[a-z0-9-]`, a letter first, no hyphen last or doubled (RDS and Key Vault refuse those). The
    length leaves room for prefixes and hashes in every service.
    """
    if not name.isascii() or name != name.lower():
        raise ValueError("must hold only lower-case letters a-z, digits and hyphens")
    if len(name) < NAME_MIN or len(name) > NAME_MAX:
        raise ValueError(f"has {len(name)} characters, and must have {NAME_MIN} to {NAME_MAX}")
    if not _NAME.fullmatch(name):
        raise ValueError("must begin with a letter, end with a letter or digit, and hold only a-z, 0-9 and hyphens")
    if "--" in name:
        raise ValueError("must not have two hyphens in a row")
    return name


def check_name(name: str) -> str:
    """Return `name` if a cell may be called so: a slug that neither files nor commands reserve."""
    if name in RESERVED_NAMES:
        raise ValueError("is a reserved word")
    return check_slug(name)


def check_day(text: str) -> str:
    """Return a day, `YYYY-MM-DD`, or raise ValueError."""
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise ValueError("must be a day such as 2027-06-30")


def check_version(text: str) -> str:
    """Return an Octopus Server version, `YYYY.minor.patch`, or raise ValueError."""
    if not _VERSION.fullmatch(text):
        raise ValueError('must be year.minor.patch, such as "2026.4.7000"')
    return text


def version_key(text: str) -> tuple[int, ...]:
    """Return a version as numbers that compare."""
    return tuple(int(part) for part in text.split("."))


def check_window(text: str) -> str:
    """Return a weekly window such as `Sun 02:00-04:00 UTC`, or raise ValueError. It may pass midnight."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError('must be a day, two times and UTC, such as "Sun 02:00-04:00 UTC"')
    begin = int(match[2]) * 60 + int(match[3])
    minutes = (int(match[4]) * 60 + int(match[5]) - begin) % 1440
    if not 60 <= minutes <= 480:
        raise ValueError(f"is {minutes} minutes long; a window must be 60 to 480 minutes")
    return text


def check_host(text: str) -> str:
    """Return a DNS name of two labels or more (RFC 1123, lower case, at most 253 characters), or raise ValueError."""
    labels = text.split(".")
    if len(text) > 253 or len(labels) < 2 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise ValueError("must be a DNS name in lower case, such as acme.example.com")
    if labels[-1].isdigit():
        raise ValueError("must be a DNS name, not an address")
    return text


def check_email(text: str) -> str:
    """Return an email address, or raise ValueError."""
    if not _EMAIL.fullmatch(text) or len(text) > 254:
        raise ValueError("must be an email address, such as team@example.com")
    return text


def check_cidr(text: str) -> str:
    """Return an IPv4 CIDR without host bits, or raise ValueError that names the right one."""
    try:
        return str(ipaddress.IPv4Network(text))
    except ValueError as error:
        try:
            network = ipaddress.IPv4Network(text, strict=False)
        except ValueError:
            raise ValueError("must be an IPv4 range, such as 10.64.0.0/20") from error
        raise ValueError(f"has bits set behind the prefix; the range is {network}") from error


def check_network(text: str) -> str:
    """Return a private IPv4 range of /16 to /24 for a cell's own network, or raise ValueError."""
    network = ipaddress.IPv4Network(check_cidr(text))
    private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    if not 16 <= network.prefixlen <= 24:
        raise ValueError(f"is a /{network.prefixlen}; a cell's network must be /16 to /24")
    if not any(network.subnet_of(ipaddress.IPv4Network(block)) for block in private):
        raise ValueError(f"must lie in one of {', '.join(private)}")
    return str(network)


def check_private_address(text: str) -> str:
    """Return a private IPv4 address, or raise ValueError."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError as error:
        raise ValueError("must be an IPv4 address, such as 10.0.0.10") from error
    if not address.is_private:
        raise ValueError("must be a private address")
    return str(address)


def check_label_key(text: str) -> str:
    """Return a label key both clouds accept as a tag key, or raise ValueError."""
    if not _LABEL_KEY.fullmatch(text) or len(text) > 63:
        raise ValueError("a label's key must begin with a letter and hold 1 to 63 of A-Z a-z 0-9 _ . -")
    if text.lower().startswith(_RESERVED_LABELS):
        raise ValueError(f"a label's key must not begin with {', '.join(_RESERVED_LABELS)}: the clouds keep those")
    return text


def check_plain(text: str) -> str:
    """Return text without control characters and without spaces around it, or raise ValueError."""
    if text != text.strip() or not text.isprintable():
        raise ValueError("must not have control characters, or spaces at its ends")
    return text


def check_root(text: str) -> str:
    """Return PEM text of one certificate that may issue others; raise ValueError for anything else."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(text.encode())
        basic = [one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca for one in found]
    except (ValueError, x509.ExtensionNotFound):
        basic = []
    if basic != [True] or "PRIVATE KEY" in text:
        raise ValueError("must be PEM text of one certificate that issues others, and no key")
    return text


Name = Annotated[str, AfterValidator(check_name), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]
Slug = Annotated[str, AfterValidator(check_slug), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]
OctopusVersion = Annotated[
    str, AfterValidator(check_version), Field(json_schema_extra={"pattern": f"^{_VERSION.pattern}$"})
]
Day = Annotated[str, AfterValidator(check_day), Field(json_schema_extra={"format": "date"})]
Window = Annotated[str, AfterValidator(check_window), Field(json_schema_extra={"pattern": f"^{_WINDOW.pattern}$"})]
Host = Annotated[str, AfterValidator(check_host)]
Email = Annotated[str, AfterValidator(check_email)]
Cidr = Annotated[str, AfterValidator(check_cidr)]
NetworkCidr = Annotated[str, AfterValidator(check_network)]
PrivateAddress = Annotated[str, AfterValidator(check_private_address)]
Plain = Annotated[str, AfterValidator(check_plain), Field(max_length=128)]
Reference = Annotated[str, AfterValidator(check_plain), Field(min_length=1, max_length=512)]
Root = Annotated[str, AfterValidator(check_root), Field(max_length=16_384)]
# A user or, with @, a group, bare or DOMAIN\NAME (Storage Gateway user guide, ValidUserList; botocore 1.44.8).
DirectoryName = Annotated[str, Field(pattern=r"^@?([A-Za-z0-9.-]+\\)?[A-Za-z0-9_][A-Za-z0-9_.$ -]*$", max_length=64)]
LabelKey = Annotated[str, AfterValidator(check_label_key)]

# Octopus: two nodes at least, tested up to eight (docs, node planning; reference of 2026-10).
NodeCount = Annotated[int, Field(ge=2, le=8)]
# Tasks one node runs at once; 0 would be a node that only serves the web, which is a role.
TaskCap = Annotated[int, Field(ge=1, le=80)]
# Azure SQL keeps long-term backups for up to ten years (learn.microsoft.com, long-term retention; read 2026-10).
Weeks = Annotated[int, Field(ge=0, le=520)]
Months = Annotated[int, Field(ge=0, le=120)]
Years = Annotated[int, Field(ge=0, le=10)]
# RDS and Azure SQL keep point-in-time backups 1 to 35 days.
RetentionDays = Annotated[int, Field(ge=1, le=35)]
# Azure Files keeps 200 snapshots of a share at most (learn.microsoft.com, Azure Files backup support matrix; 2020-05).
SnapshotDays = Annotated[int, Field(ge=1, le=200)]
# A cell's file quota. 100 TiB is the largest Azure file share; a bucket has no end.
SizeGiB = Annotated[int, Field(ge=100, le=102_400)]
# A disk of a gateway's cache: 150 GiB at least, and no gp3 volume of any region is larger (reference octopus.md 2.6).
CacheGiB = Annotated[int, Field(ge=150, le=16_384)]
NodeLimit = Annotated[int, Field(ge=1, le=1000)]
