"""The AWS JSON 1.1 protocol: requests are held against botocore's own model of the service, so are answers.

What the model does not allow is a ValidationException, as the service gives; an operation that a stand-in does not
serve is an UnknownOperationException. Source: botocore's data files, `service-2.json` of each service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.service_models import loader
from cellctl_sandbox.standins.web import Request, Response, json_response

_CONTENT_TYPE = "application/x-amz-json-1.1"
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request")


class ApiError(Exception):
    """A service refuses: its error code, message, further members of the error's shape, HTTP status."""

    def __init__(self, code: str, message: str, *, members: Struct | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.members = members or {}
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request that the model allows."""

    operation: str
    parameters: Struct
    region: str

    def text(self, name: str) -> str:
        """Return a text parameter, `` if it was not given."""
        value = self.parameters.get(name)
        return value if isinstance(value, str) else ""


Operation: TypeAlias = Callable[[Call], Struct]


class Interference(Protocol):
    """Lets tests and fault rules disturb a service: asked before and after an operation is carried out."""

    def before(self, service: str, operation: str) -> ApiError | None:
        """Return the error to answer instead of carrying the operation out."""

    def after(self, service: str, operation: str) -> bool:
        """Tell whether the response is lost although the operation was carried out."""


class Undisturbed:
    """No interference."""

    def before(self, service: str, operation: str) -> ApiError | None:  # noqa: ARG002
        """Disturb nothing."""
        return None

    def after(self, service: str, operation: str) -> bool:  # noqa: ARG002
        """Lose nothing."""
        return False


@dataclass(frozen=True, kw_only=True)
class JsonService:
    """One service: its botocore name and the operations that are served, by their API names."""

    name: str
    operations: Mapping[str, Operation]
    interference: Interference = field(default_factory=Undisturbed)


class JsonApi:
    """Answers requests for several services, told apart by `X-Amz-Target`."""

    def __init__(self, services: list[JsonService]) -> None:
        self._services: dict[str, tuple[JsonService, ServiceModel]] = {}
        for service in services:
            model = ServiceModel(loader().load_service_model(service.name, "service-2"), service.name)
            self._services[str(model.metadata["targetPrefix"])] = (service, model)

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        try:
            return self._answer(request)
        except ApiError as error:
            body: Struct = {"__type": error.code, "message": error.message, **error.members}
            return json_response(body, status=error.status, content_type=_CONTENT_TYPE)

    def _answer(self, request: Request) -> Response:
        prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
        if request.method != "POST" or prefix not in self._services:
            raise ApiError("UnknownOperationException", "")
        service, model = self._services[prefix]
        region = signed_region(request, str(model.metadata.get("signingName") or model.metadata["endpointPrefix"]))
        if name not in service.operations or name not in model.operation_names:
            raise ApiError("UnknownOperationException", f"the sandbox does not serve {name}")
        operation = model.operation_model(name)
        call = Call(operation=name, parameters=_parameters(request, operation), region=region)
        refused = service.interference.before(service.name, name)
        if refused is not None:
            raise refused
        result = service.operations[name](call)
        hold(operation.output_shape, result, "the stand-in's answer")
        if service.interference.after(service.name, name):
            return Response(drop=True)
        return json_response(result, content_type=_CONTENT_TYPE)


def signed_region(request: Request, service: str) -> str:
    """Return the region that the request is signed for (Signature Version 4's credential scope)."""
    authorization = request.headers.get("authorization", "")
    if not authorization:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
    scope = _SCOPE.search(authorization)
    if scope is None or scope["service"] != service:
        raise ApiError("InvalidSignatureException", f"Credential should be scoped to service '{service}'", status=403)
    return scope["region"]


def _parameters(request: Request, operation: OperationModel) -> Struct:
    try:
        parameters = json.loads(request.body or b"{}")
    except ValueError as error:
        raise ApiError("SerializationException", "the body is not JSON") from error
    if not isinstance(parameters, dict):
        raise ApiError("SerializationException", "the body is not a JSON object")
    hold(operation.input_shape, parameters, "the request")
    return parameters


def hold(shape: Shape | None, value: Struct, what: str) -> None:
    """Hold a value against its shape: names, types, required members, lengths, patterns, enumerations."""
    if shape is None:
        return
    report = ParamValidator().validate(value, shape)
    found = [report.generate_report()] if report.has_errors() else list(_constraints(shape, value, ""))
    if found and what == "the request":
        plural = "errors" if len(found) > 1 else "error"
        text = f"{len(found)} validation {plural} detected: " + "; ".join(found)
        raise ApiError("ValidationException", text)
    if found:
        raise AssertionError(f"{what} is not what botocore's model says: {'; '.join(found)}")


def _constraints(shape: Shape, value: Value, path: str) -> list[str]:
    """Return what botocore's validator leaves unchecked: maxima, patterns and enumerations."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = shape.members
        return [text for key, item in value.items() for text in _constraints(members[key], item, f"{path}.{key}")]
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [
            *_length(shape, len(value), path),
            *(text for index, item in enumerate(value) for text in _constraints(shape.member, item, f"{path}.{index}")),
        ]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return [text for key, item in value.items() for text in _constraints(shape.value, item, f"{path}.{key}")]
    return _scalar(shape, value, path)


def _scalar(shape: Shape, value: Value, path: str) -> list[str]:
    metadata = shape.metadata
    where = f"at '{path.lstrip('.')}' failed to satisfy constraint: "
    if isinstance(value, str):
        allowed = metadata.get("enum")
        if allowed and value not in allowed:
            return [f"Value {where}Member must satisfy enum value set: {sorted(allowed)}"]
        pattern = metadata.get("pattern")
        if pattern and not _matches(str(pattern), value):
            return [f"Value {where}Member must satisfy regular expression pattern: {pattern}"]
        return _length(shape, len(value), path)
    largest = metadata.get("max")
    if isinstance(value, int | float) and largest is not None and value > largest:
        return [f"Value {where}Member must have value less than or equal to {largest}"]
    return []


def _length(shape: Shape, length: int, path: str) -> list[str]:
    largest = shape.metadata.get("max")
    if largest is None or length <= largest:
        return []
    where = f"at '{path.lstrip('.')}' failed to satisfy constraint: "
    return [f"Value {where}Member must have length less than or equal to {largest}"]


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:  # a Java pattern that Python does not know, such as \p{…}
        return True
