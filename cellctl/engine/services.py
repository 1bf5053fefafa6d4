"""Loads of a cloud SDK's services only the parts that a program uses: half the start and a fifth of the memory.

A service of a generated SDK (`pulumi_aws.ec2`) is a package whose `__init__` gathers some hundred modules of one
resource each. Here it is a module that imports the one which a name stands in when the name is first asked for. What it
cannot find by the generator's naming is found as ever, by running that `__init__`; so is an `__init__` of another kind.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_GATHERED = re.compile(r"from \.(\w+) import \*")
_REST = re.compile(r"\s*(#.*|import \w+( as _\w+)?|from \.\. import _utilities|from \. import outputs)?")
_SHARED = ("_inputs", "_enums")  # modules of many names, behind those of one resource each
_AFFIXES = re.compile(r"^Awaitable|(Init)?Args(Dict)?$|Result$|_output$")


def install(sdks: Iterable[str]) -> None:
    """Load the services of the packages `sdks` part by part from now on; what is loaded already stays as it is."""
    sys.meta_path.insert(0, ServiceFinder(frozenset(sdks)))


class ServiceFinder(MetaPathFinder):
    """Finds services of some SDKs, nothing else."""

    def __init__(self, sdks: frozenset[str]) -> None:
        self._sdks = sdks

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a service that can be loaded in parts, None for all else."""
        sdk, _, service = fullname.partition(".")
        if sdk not in self._sdks or not service or "." in service:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or spec.loader is None or not spec.submodule_search_locations:
            return None
        parts = parts_of(Path(spec.origin).read_text(encoding="utf-8"))
        if parts:
            spec.loader = _ServiceLoader(spec.loader, parts)
        return spec


def parts_of(source: str) -> tuple[str, ...]:
    """Return the modules that a generated `__init__` gathers, none where it does more than that."""
    lines = source.splitlines()
    parts = tuple(found[1] for line in lines if (found := _GATHERED.fullmatch(line)))
    others = (line for line in lines if not _GATHERED.fullmatch(line))
    return parts if all(_REST.fullmatch(line) for line in others) else ()


class _ServiceLoader(Loader):
    def __init__(self, whole: Loader, parts: tuple[str, ...]) -> None:
        self._whole = whole
        self._parts = parts

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._whole.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = Service
        assert isinstance(module, Service)
        module.begin(self._whole, self._parts)


class Service(ModuleType):
    """A service whose parts come when they are asked for; threads may ask for the same one at once."""

    _whole: Loader
    _parts: dict[str, str]

    def begin(self, whole: Loader, parts: tuple[str, ...]) -> None:
        """Take the loader of the whole and the names of the parts."""
        self.__dict__["_whole"] = whole
        self.__dict__["_parts"] = {part.replace("_", ""): part for part in parts}

    def __setattr__(self, name: str, value: object) -> None:
        """Bind a part that was imported, and all that it exports over it, as gathering does."""
        super().__setattr__(name, value)
        if isinstance(value, ModuleType) and name in self._parts.values():
            for exported in getattr(value, "__all__", ()):
                super().__setattr__(exported, getattr(value, exported))

    def __getattr__(self, name: str) -> object:
        """Return what is not there yet; raises AttributeError as a module does."""
        if not name.startswith("__"):
            for part in self._places(name):
                module = import_module(f"{self.__name__}.{part}")
                if name in self.__dict__:
                    return self.__dict__[name]
                if name == part:
                    return module  # it is being loaded, and asks for itself
        if not name.startswith("__") or name == "__all__":
            self._gather()
        if name in self.__dict__:
            return self.__dict__[name]
        raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")

    def __dir__(self) -> Iterable[str]:
        """Return the names of the whole service."""
        self._gather()
        return super().__dir__()

    def _places(self, name: str) -> Iterable[str]:
        """Yield the modules in which a name may stand, the most likely one first."""
        parts = self._parts.values()
        if name in parts or name == "outputs":
            yield name
            return
        likely = self._parts.get(_AFFIXES.sub("", name).replace("_", "").lower(), "")
        yield from (part for part in (likely, *_SHARED) if part in parts)

    def _gather(self) -> None:
        self._whole.exec_module(self)
        self.__class__ = ModuleType  # type: ignore[assignment]  # nothing is left to come
