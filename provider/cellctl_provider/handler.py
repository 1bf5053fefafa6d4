"""What the provider `cellctl` asks of the class that serves one resource type.

The dispatching provider keeps one handler per type token and passes each request on unchanged. A handler is called
from many threads at once and keeps no state of a resource: what it must remember is in the outputs.
"""

from __future__ import annotations

from typing import Protocol

from cellctl_provider.protocol import (
    Check,
    Checked,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    Read,
    Update,
    Updated,
)


class ResourceHandler(Protocol):
    """One resource type of provider `cellctl`; the methods mean what the same ones of `Provider` mean."""

    def check(self, request: Check) -> Checked:
        """Validate inputs and fill defaults. Opens no connection."""

    def diff(self, request: Diff) -> Diffed:
        """Compare old state with new inputs. Opens no connection."""

    def create(self, request: Create) -> Created:
        """Create an object and wait until it is ready; a preview opens no connection."""

    def read(self, request: Read) -> Found | None:
        """Return the object as it is, or None only when its server says that it is gone."""

    def update(self, request: Update) -> Updated:
        """Change an object in place and wait until it is ready; a preview opens no connection."""

    def delete(self, request: Delete) -> None:
        """Delete an object and wait until it is gone; deleting what is gone succeeds."""
