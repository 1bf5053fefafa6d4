"""What the process was started with that proves who this machine is: read here, and nowhere else in the provider."""

from __future__ import annotations

import os
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """Return the process's environment; cellctl lets through what it names (`cellctl.run.session`)."""
    return os.environ
