"""The one botocore loader of a process: reading a service's model is most of what a client or a stand-in costs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.loaders import Loader


@functools.cache
def loader() -> Loader:
    """Return the loader; what it has read it keeps."""
    import botocore.loaders

    return botocore.loaders.create_loader()
