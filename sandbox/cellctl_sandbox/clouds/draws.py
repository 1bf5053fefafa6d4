"""Everything random in the simulated clouds: drawn from the sandbox's seed and a key, never from a generator's state.

Equal seed and key give equal draws, so what is drawn does not depend on which call came first.
"""

from __future__ import annotations

import hashlib
import math

from cellctl.facts.model import Duration

Z95 = 1.6449
"""The standard normal distribution is below this in 95 of 100 cases."""

POLLS = ((2.0, 0.5), (10.0, 1.0), (60.0, 5.0), (math.inf, 10.0))
"""Up to which length how often a provider looks, in seconds. Source: azure-native polls every 10 s; else estimates.

Calls that begin together often end together, too, so that the clock has fewer times to stop at.
"""


def uniform(seed: int, key: str) -> float:
    """Return a number from 0 to below 1."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{key}".encode()).digest()[:6]) / 2**48


def strikes(seed: int, key: str, rate: float) -> bool:
    """Tell whether something with probability `rate` happens."""
    return rate >= 1 or uniform(seed, key) < rate


def seconds(duration: Duration, seed: int, key: str) -> float:
    """Return how long something takes: log-normal around p50, never over p95, on the grid on which providers poll."""
    if duration.p95 <= duration.p50 or duration.p50 <= 0:
        return duration.p50
    first, second = 1.0 - uniform(seed, f"{key}/1"), uniform(seed, f"{key}/2")
    normal = math.sqrt(-2 * math.log(first)) * math.cos(2 * math.pi * second)
    spread = math.log(duration.p95 / duration.p50) / Z95
    exact = duration.p50 * math.exp(max(-Z95, min(Z95, normal)) * spread)
    grid = next(step for limit, step in POLLS if exact < limit)
    return min(duration.p95, max(grid, round(exact / grid) * grid))
