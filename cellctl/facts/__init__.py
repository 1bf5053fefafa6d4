"""What the clouds' documentation says, as data: stateful types, what replaces, durations, quotas, naming, prices.

The data are `<cloud>/<service>.toml` beside this module; every entry names a source with a date. The format is
described in docs/sandbox.md. Guard, plans and simulated clouds read the same values through `of`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import FactsError
from cellctl.facts.model import (
    Bucket,
    Condition,
    Duration,
    Durations,
    Held,
    Operation,
    Price,
    Quota,
    QuotaUse,
    Retries,
    ServiceFacts,
    Settles,
    Source,
    TypeFacts,
)
from cellctl.facts.reader import read_service

__all__ = [
    "Bucket",
    "Condition",
    "Duration",
    "Durations",
    "FactsError",
    "Held",
    "Operation",
    "Price",
    "Quota",
    "QuotaUse",
    "Retries",
    "ServiceFacts",
    "Settles",
    "Source",
    "TypeFacts",
    "buckets_of",
    "file_of",
    "of",
    "price",
    "retries",
    "service",
    "services",
]

ROOT = Path(__file__).parent
_FOLDERS = [ROOT]
CLOUD_OF_PACKAGE = {"aws": "aws", "azure-native": "azure", "cellctl": "cellctl"}


def place_of(token: str) -> tuple[str, str]:
    """Return (cloud, service) of a type or function token.

    >>> place_of("aws:rds/instance:Instance"), place_of("azure-native:sql:Server")
    (('aws', 'rds'), ('azure', 'sql'))
    """
    package, _, rest = token.partition(":")
    return CLOUD_OF_PACKAGE.get(package, package), rest.partition(":")[0].partition("/")[0]


def file_of(token: str) -> str:
    """Return where a type's facts are written, relative to the checkout."""
    cloud, name = place_of(token)
    return f"cellctl/facts/{cloud}/{name}.toml"


@lru_cache(maxsize=256)
def service(cloud: str, name: str) -> ServiceFacts:
    """Return all facts of one service, empty where there is no file.

    Raises:
        FactsError: The file breaks the format.
    """
    found = (folder / cloud / f"{name}.toml" for folder in _FOLDERS)
    path = next((path for path in found if path.is_file()), None)
    return read_service(path) if path is not None else ServiceFacts()


@lru_cache(maxsize=8)
def services(cloud: str) -> tuple[str, ...]:
    """Return the names of the services of `cloud` that have a file."""
    return tuple(sorted({path.stem for folder in _FOLDERS for path in (folder / cloud).glob("*.toml")}))


def add_folder(folder: Path) -> None:
    """Read services from `FOLDER/<cloud>/<service>.toml` too; what is here already stays."""
    _FOLDERS.append(folder)
    forget()


def remove_folder(folder: Path) -> None:
    """Take back `add_folder`."""
    _FOLDERS.remove(folder)
    forget()


def forget() -> None:
    """Read the files anew when they are asked next."""
    for cached in (service, services, of, buckets_of):
        cached.cache_clear()


@lru_cache(maxsize=1024)
def of(token: str) -> TypeFacts | None:
    """Return what is known of a resource type, None if nothing is."""
    cloud, name = place_of(token)
    if cloud not in CLOUD_OF_PACKAGE.values() or not name.replace("-", "").isalnum():
        return None
    return service(cloud, name).types.get(token)


@lru_cache(maxsize=1024)
def buckets_of(token: str, operation: Operation) -> tuple[Bucket, ...]:
    """Return the rates that a call of a type counts against: its service's and, of file `api`, its whole cloud's."""
    cloud, name = place_of(token)
    listed = [*service(cloud, name).buckets.values(), *service(cloud, "api").buckets.values()]
    met = (item for item in listed if operation in item.requests)
    return tuple(item for item in met if any(fnmatchcase(token, glob) for glob in item.types))


def retries(cloud: str) -> Retries:
    """Return how the provider of `cloud` meets throttling (file `api` of the cloud)."""
    return service(cloud, "api").retries


def price(cloud: str, key: str) -> Price | None:
    """Return a price by its key, whose first word is the service."""
    return service(cloud, key.partition(".")[0]).prices.get(key)
