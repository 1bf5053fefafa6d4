"""Pulumi components, usable alone in any Pulumi program."""
