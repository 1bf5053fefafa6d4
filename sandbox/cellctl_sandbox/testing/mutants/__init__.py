"""A wrong program must not pass: take one thing out of a cell that works, and see what notices."""

from cellctl_sandbox.testing.mutants.catalogue import Mutant, catalogue, kept
from cellctl_sandbox.testing.mutants.report import HEAD, read, reason, table
from cellctl_sandbox.testing.mutants.trial import Caught, Trial

__all__ = ["HEAD", "Caught", "Mutant", "Trial", "catalogue", "kept", "read", "reason", "table"]
