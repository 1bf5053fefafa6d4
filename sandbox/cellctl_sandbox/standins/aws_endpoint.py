"""One loopback endpoint for all AWS services of the sandbox: `service:<name>:<region>` leads there."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from cellctl.dialer import Route
from cellctl_sandbox.standins import bucket_policies
from cellctl_sandbox.standins.aws_json import JsonApi, JsonService
from cellctl_sandbox.standins.aws_query import QueryApi
from cellctl_sandbox.standins.web import Answer, Listener, Request, Response

_PREFIX = "service:"


class BucketService(Protocol):
    """S3, or the part of it that is served."""

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""


class AwsEndpointStandin:
    """Serves JSON APIs, EC2's part (`queried`) and S3; the region is told by the request's signature.

    `regions` are those to announce.
    """

    def __init__(
        self,
        services: Sequence[JsonService],
        *,
        queried: JsonService | None = None,
        buckets: BucketService | None = None,
        regions: Sequence[str] = (),
    ) -> None:
        self._services = {service.name: service for service in services}
        self._queried = queried
        self._buckets = buckets
        self._regions = tuple(regions)
        self._lock = threading.Lock()
        self._listener: Listener | None = None

    def route(self, name: str, port: int) -> Route | None:  # noqa: ARG002  services have one endpoint each
        """Return the route to a service that is served."""
        if not name.startswith(_PREFIX) or name.split(":")[1] not in (*self._services, *self._rest()):
            return None
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self._answer())
            here = self._listener.port
        return Route(host="127.0.0.1", port=here, url=f"http://127.0.0.1:{here}")

    def _rest(self) -> tuple[str, ...]:
        queried = (self._queried.name,) if self._queried is not None else ()
        return (*queried, bucket_policies.NAME) if self._buckets is not None else queried

    def _answer(self) -> Answer:
        """Return what answers: JSON APIs name themselves in a header, EC2 in its signature, S3 nowhere."""
        api, buckets = JsonApi(list(self._services.values())), self._buckets
        query = QueryApi(self._queried) if self._queried is not None else None

        def answer(request: Request) -> Response:
            if query is not None and query.scope in request.headers.get("authorization", ""):
                return query.answer(request)
            by_name = buckets is None or "x-amz-target" in request.headers
            return api.answer(request) if by_name or buckets is None else buckets.answer(request)

        return answer

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return the services for each region that is announced."""
        return [
            (f"{_PREFIX}{service}:{region}", 443, f"AWS API {service}")
            for region in self._regions
            for service in (*self._services, *([self._queried.name] if self._queried else []))
        ]

    def close(self) -> None:
        """Stop the endpoint."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
                self._listener = None
