"""What a run changes in a program's resources before they are registered, through public stack transformations.

Taking protection off, and adopting an object that exists. They run in the program's own process, in previews too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import pulumi

ALL = "*"
LOCKS: Mapping[str, bool] = {
    "deletion_protection": False,
    "enable_deletion_protection": False,
    "deletionProtection": False,
    "enableDeletionProtection": False,
    "disable_api_termination": False,
}
"""Properties by which a cloud itself refuses a deletion; they go off and on together with `protect`."""
LOSSES: Mapping[str, bool] = {"force_destroy": True, "acceptDataLoss": True}
"""What lets a bucket that holds objects, a gateway whose cache may, a database go: only where that was accepted."""


def install(
    *,
    unprotect: Sequence[str] = (),
    keep_locks: bool = False,
    accept_loss: Sequence[str] = (),
    adopt: Mapping[str, str] | None = None,
) -> None:
    """Register the transformations that this run needs; call first in a program."""
    if unprotect:
        locks = {} if keep_locks else LOCKS
        pulumi.runtime.register_stack_transformation(_unprotecting(frozenset(unprotect), frozenset(accept_loss), locks))
    if adopt:
        pulumi.runtime.register_stack_transformation(_adopting(adopt))


_Transformation = Callable[[pulumi.ResourceTransformationArgs], pulumi.ResourceTransformationResult | None]


def _unprotecting(urns: frozenset[str], lossy: frozenset[str], locks: Mapping[str, bool]) -> _Transformation:
    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not _named(urns, args):
            return None
        opts = copy.copy(args.opts)
        opts.protect = False
        going = {**locks, **(LOSSES if _named(lossy, args) else {})}
        off = {key: value for key, value in going.items() if isinstance(args.props.get(key), bool)}
        props = {**args.props, **off}
        return pulumi.ResourceTransformationResult(props=props, opts=opts)

    return transform


def _named(urns: frozenset[str], args: pulumi.ResourceTransformationArgs) -> bool:
    return ALL in urns or any(is_meant(urn, args) for urn in urns)


def _adopting(ids: Mapping[str, str]) -> _Transformation:
    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        for urn, id_ in ids.items():
            if is_meant(urn, args):
                opts = copy.copy(args.opts)
                opts.import_ = id_
                return pulumi.ResourceTransformationResult(props=args.props, opts=opts)
        return None

    return transform


def is_meant(urn: str, args: pulumi.ResourceTransformationArgs) -> bool:
    """Tell whether `urn` is that of the resource about to be registered: same name, type and parent's type."""
    parts = urn.split("::", 3)
    if len(parts) < 4 or parts[3] != args.name:
        return False
    types = parts[2].split("$")
    if types[-1] != args.type_:
        return False
    parent = args.opts.parent
    above = types[-2] if len(types) > 1 else ""
    return above == (parent.pulumi_resource_type if parent is not None else "") or (
        not above and parent is not None and parent.pulumi_resource_type == "pulumi:pulumi:Stack"
    )
