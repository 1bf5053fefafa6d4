"""What a model knows of its fields: by the keys of files, nested, for unknown keys and for words about types."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cellctl.spec.tree import Path


def known(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return the fields of a model by the key they have in a file."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def models(annotation: object) -> tuple[type[BaseModel], ...]:
    """Return the models in an annotation such as `Literal["dedicated"] | Reef` or `Licence | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) in (typing.Union, typing.Annotated):
        return tuple(model for part in typing.get_args(annotation) for model in models(part))
    return ()


def below(info: FieldInfo) -> tuple[type[BaseModel] | None, type[BaseModel] | None]:
    """Return the model of a field's own mapping, and the model of each entry where it maps free names to models."""
    found = models(info.annotation)
    if found:
        return found[0], None
    if typing.get_origin(info.annotation) in (dict, Mapping):
        entries = models(typing.get_args(info.annotation)[1])
        return None, entries[0] if entries else None
    return None, None


def unknown(model: type[BaseModel], data: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the path of each key that `model` does not know, with a hint, at every depth."""
    if not isinstance(data, Mapping):
        return
    fields = known(model)
    for key, value in data.items():
        here = (*path, str(key))
        if key not in fields:
            yield here, _suggestion(str(key), tuple(fields))
            continue
        own, entry = below(fields[key])
        if own is not None:
            yield from unknown(own, value, here)
        elif entry is not None and isinstance(value, Mapping):
            for name, item in value.items():
                yield from unknown(entry, item, (*here, str(name)))


def close(word: str, choices: tuple[str, ...]) -> str:
    """Return the choice that `word` was most probably meant to be, or an empty string."""
    plain = {choice.lower().replace("_", "").replace("-", ""): choice for choice in choices}
    bare = word.lower().replace("_", "").replace("-", "")
    if bare in plain:
        return plain[bare]
    found = difflib.get_close_matches(bare, plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else ""


def _suggestion(word: str, choices: tuple[str, ...]) -> str:
    guess = close(word, choices)
    return f"did you mean {guess}?" if guess else f"fields here: {', '.join(choices)}"


def without(data: object, paths: frozenset[Path], path: Path = ()) -> object:
    """Return a copy of `data` without what is at `paths`."""
    if isinstance(data, Mapping):
        return {key: without(value, paths, (*path, key)) for key, value in data.items() if (*path, key) not in paths}
    if isinstance(data, list):
        return [without(value, paths, (*path, n)) for n, value in enumerate(data) if (*path, n) not in paths]
    return data
