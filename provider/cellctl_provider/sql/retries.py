"""Runs a step again where that may help, with a bounded and growing wait, and says what failed without secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cellctl.sqlserver.connection import Lost, SqlFailure
from cellctl_provider.protocol import ErrorCode, ProviderError

_FIRST_S, _LONGEST_S = 1.0, 30.0
_T = TypeVar("_T")
_CODES: dict[int, ErrorCode] = {
    18456: "auth", 18452: "auth", 262: "auth", 229: "auth", 15247: "auth", 15151: "auth", 916: "auth",
    1105: "quota", 40544: "quota", 49918: "quota", 4060: "not_found", 911: "not_found",
    1801: "conflict", 15025: "conflict", 15023: "conflict", 15434: "conflict", 3702: "conflict", 5070: "conflict",
    102: "invalid", 15116: "invalid", 15118: "invalid", 448: "invalid",
}  # fmt: skip


class Retries:
    """At most `attempts` tries of each step; `sleep` waits, in simulated time in the sandbox."""

    def __init__(self, sleep: Callable[[float], None], *, attempts: int) -> None:
        self._sleep, self._attempts = sleep, attempts

    def run(self, attempt: Callable[[], _T], *, what: str) -> _T:
        """Return what `attempt` returns.

        Raises:
            ProviderError: It failed for good; `unreachable` where the server never answered.
        """
        wait = _FIRST_S
        for number in range(1, self._attempts + 1):
            try:
                return attempt()
            except Lost as lost:
                if number == self._attempts:
                    raise ProviderError(f"could not {what}: {lost}", code="unreachable") from None
            except SqlFailure as failure:
                # A database that was just made may not be open yet; 3702: a killed session may take a moment to go, or
                # be gone before it is killed (6106).
                if number == self._attempts or not (failure.transient or failure.number in {4060, 3702, 6106, 15434}):
                    code = _CODES.get(failure.number, "throttle" if failure.transient else "internal")
                    raise ProviderError(f"could not {what}: {failure}", code=code) from None
            self._sleep(wait)
            wait = min(2 * wait, _LONGEST_S)
        raise AssertionError("a step is tried at least once")
