"""The only module that touches private names of the Pulumi SDKs: what a resource type has, read from its classes.

Private: `pulumi.runtime.rpc._RESOURCE_MODULES`, `mod_info` of its entries, and `_pulumi_name` on property getters.
tests/clouds/test_sdk_shapes.py fails when the SDK moves them. Seen in pulumi 3.272.0, pulumi_aws 7.51.1,
pulumi_azure_native 3.29.0.
"""

from __future__ import annotations

import collections.abc
import importlib
import importlib.metadata
import inspect
import sys
import threading
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cellctl.state.values import Value

_LOCK = threading.RLock()


class UnknownType(LookupError):
    """The installed SDK has no such resource type."""


@dataclass(frozen=True, slots=True)
class OutputShape:
    """One declared output: whether the SDK lets it be absent, and the empty value of its type."""

    optional: bool
    empty: Value


@dataclass(frozen=True, slots=True)
class Shape:
    """What the SDK declares of a resource type; names are Pulumi's."""

    inputs: frozenset[str]
    required: frozenset[str]
    outputs: Mapping[str, OutputShape]


@lru_cache(maxsize=8)
def version_of(package: str) -> str:
    """Return the version of the installed SDK of a package, `0.0.0` if there is none."""
    try:
        return importlib.metadata.version(_sdk(package))
    except importlib.metadata.PackageNotFoundError:
        return "0.0.0"


def _sdk(package: str) -> str:
    """Return the import name of a package's SDK; its distribution has the same one."""
    return f"pulumi_{package.replace('-', '_')}"


@lru_cache(maxsize=2048)
def shape_of(token: str) -> Shape:
    """Return what the SDK declares of the resource type `token`.

    Raises:
        UnknownType: The SDK has no such type, or is not installed.
    """
    with _LOCK:
        resource = _resource_class(token)
        arguments = _arguments_class(resource)
    names = _pulumi_names(arguments)
    required = frozenset(
        names.get(name, name)
        for name, parameter in inspect.signature(arguments).parameters.items()
        if parameter.default is inspect.Parameter.empty and name in names
    )
    return Shape(inputs=frozenset(names.values()), required=required, outputs=_outputs(resource))


def _resource_class(token: str) -> type:
    package = token.partition(":")[0]
    try:
        importlib.import_module(_sdk(package))
    except ModuleNotFoundError as error:
        raise UnknownType(f"the SDK of '{package}' is not installed: pip install {_sdk(package)}") from error
    from pulumi.runtime import rpc

    for module in rpc._RESOURCE_MODULES.get(token.rpartition(":")[0], []):
        info: dict[str, object] = getattr(module, "mod_info", {})
        classes = info.get("classes")
        name = classes.get(token) if isinstance(classes, dict) else None
        if name is not None:
            found = getattr(importlib.import_module(str(info["fqn"])), str(name))
            assert isinstance(found, type)
            return found
    raise UnknownType(f"the installed SDK has no type '{token}'")


def _arguments_class(resource: type) -> type:
    module = sys.modules[resource.__module__]
    for name in getattr(module, "__all__", ()):
        found = getattr(module, str(name))
        if isinstance(found, type) and found is not resource and str(name).endswith("Args"):
            return found
    raise UnknownType(f"the SDK declares no arguments for {resource.__name__}")


def _getters(cls: type) -> dict[str, tuple[str, object]]:
    found = {}
    for name, member in vars(cls).items():
        getter = member.fget if isinstance(member, property) else None
        if getter is not None:
            found[name] = (str(getattr(getter, "_pulumi_name", name)), getter.__annotations__.get("return"))
    return found


def _pulumi_names(cls: type) -> dict[str, str]:
    return {python: pulumi for python, (pulumi, _) in _getters(cls).items()}


def _outputs(resource: type) -> dict[str, OutputShape]:
    found = {}
    for pulumi, annotation in _getters(resource).values():
        inner = (typing.get_args(annotation) or (object,))[0]
        members = typing.get_args(inner) if typing.get_origin(inner) is typing.Union else ()
        optional = type(None) in members
        plain = next((item for item in members if item is not type(None)), inner)
        found[pulumi] = OutputShape(optional, _empty(plain))
    return found


def _empty(kind: object) -> Value:
    origin = typing.get_origin(kind) or kind
    if origin is collections.abc.Sequence:
        return []
    if origin is bool:
        return False
    if origin in (int, float):
        return 0
    if origin is str or origin is typing.Union:
        return ""
    return {}
