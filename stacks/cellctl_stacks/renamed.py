"""Aliases of what an older cellctl called otherwise: the data are `cellctl/facts/renamed/`."""

from __future__ import annotations

import pulumi

from cellctl.facts.renames import renames


def alias_renamed(cloud: str) -> None:
    """Give each resource of this program that was renamed its former name or type as an alias; what is in it follows.

    To be called before anything is declared. Where nothing was renamed it does nothing.
    """
    found = renames(cloud)
    if not found:
        return

    def aliased(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        former: list[str | pulumi.Alias] = []
        for one in found:
            type_, name = one.former_type(args.type_), one.former_name(args.type_, args.name)
            former += [pulumi.Alias(type_=type_)] if type_ else [pulumi.Alias(name=name)] if name else []
        if not former:
            return None
        options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(aliases=former))
        return pulumi.ResourceTransformationResult(args.props, options)

    pulumi.runtime.register_stack_transformation(aliased)
