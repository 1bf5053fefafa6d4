"""Blob Storage on loopback: block blobs in containers, read and written under conditional headers, nothing else."""

from __future__ import annotations

import hashlib
import threading

from cellctl_sandbox.standins.web import Request, Response

_DENIED = "AuthenticationFailed"


class Blobs:
    """Answers as one storage account does; `tokens` are the bearer tokens that it takes."""

    def __init__(self, *containers: str, tokens: set[str] | None = None) -> None:
        self.blobs: dict[str, tuple[bytes, str]] = {}
        self.tokens = {"token"} if tokens is None else tokens
        self._containers, self._lock, self._written = containers, threading.Lock(), 0

    def answer(self, request: Request) -> Response:
        """Return what the service answers."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _refused(401, _DENIED)
        container, _, name = request.path.lstrip("/").partition("/")
        if container not in self._containers:
            return _refused(404, "ContainerNotFound")
        with self._lock:
            if request.method == "GET":
                return self._read(f"{container}/{name}")
            if request.method == "PUT":
                return self._write(f"{container}/{name}", request)
        return _refused(405, "UnsupportedHttpVerb")

    def _read(self, key: str) -> Response:
        if key not in self.blobs:
            return _refused(404, "BlobNotFound")
        data, tag = self.blobs[key]
        return Response(body=data, headers={"ETag": tag})

    def _write(self, key: str, request: Request) -> Response:
        if request.headers.get("x-ms-blob-type") != "BlockBlob":
            return _refused(400, "MissingRequiredHeader")
        there, wanted = self.blobs.get(key), request.headers.get("if-match")
        if there is not None and request.headers.get("if-none-match") == "*":
            return _refused(409, "BlobAlreadyExists")
        if wanted is not None and (there is None or there[1] != wanted):
            return _refused(412, "ConditionNotMet")
        self._written += 1
        tag = f'"0x{hashlib.sha256(f"{key} {self._written}".encode()).hexdigest()[:16].upper()}"'
        self.blobs[key] = (request.body, tag)
        return Response(status=201, headers={"ETag": tag})


def _refused(status: int, code: str) -> Response:
    return Response(status=status, headers={"x-ms-error-code": code})
