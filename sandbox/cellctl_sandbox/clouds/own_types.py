"""Types of a user's own: folders of data files beside the shipped ones, for as long as somebody needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellctl import facts
from cellctl.facts.document import FactsError
from cellctl_sandbox.clouds.behaviour import NotSimulated, behaviour_of, folders, forget_data, read_file


@contextmanager
def types_from(folder: Path) -> Iterator[None]:
    """Simulate, inside the context, also what is in `FOLDER/facts` and `FOLDER/clouds`: types of one's own.

    Both have `<cloud>/<service>.toml` in them; facts that cellctl has already stay as they are.
    """
    facts.add_folder(folder / "facts")
    folders.append(folder / "clouds")
    forget_data()
    try:
        yield
    finally:
        facts.remove_folder(folder / "facts")
        folders.remove(folder / "clouds")
        forget_data()


def add_types(folder: Path) -> tuple[str, ...]:
    """Know the types and functions of FOLDER/<cloud>/<service>.toml in this process, before the shipped ones.

    Facts of such a type stand in the table `facts` of the type itself. Returns the packages that there are data of.

    Raises:
        FactsError: There is no such file, or one breaks the format.
        NotSimulated: The installed SDKs have no such type.
    """
    found = [read_file(path) for path in sorted(folder.glob("*/*.toml"))]
    if not found:
        raise FactsError(f"{folder}: there is no <cloud>/<service>.toml in it")
    folders.append(folder)
    forget_data()
    try:
        for token in [token for one in found for token in one.types]:
            behaviour_of(token)
    except (FactsError, NotSimulated):
        remove_types(folder)
        raise
    return tuple(dict.fromkeys(token.partition(":")[0] for one in found for token in (*one.types, *one.functions)))


def remove_types(folder: Path) -> None:
    """Know the types of a folder no more."""
    folders.remove(folder)
    forget_data()
