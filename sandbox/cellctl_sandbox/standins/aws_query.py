"""The EC2 query protocol: parameters in a form, answers in XML, both held against botocore's own model of the service.

Source: botocore's data files, `service-2.json` of EC2; Amazon EC2 API Reference, "Query requests", read 2026-11.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import cached_property
from typing import TypeAlias
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from cellctl.state.values import Value
from cellctl_sandbox.standins.aws_json import ApiError, Call, JsonService, hold, signed_region
from cellctl_sandbox.standins.service_models import loader
from cellctl_sandbox.standins.web import Request, Response

_Tree: TypeAlias = "dict[str, _Tree | str]"


class QueryApi:
    """Answers requests for one service that speaks the protocol."""

    def __init__(self, service: JsonService) -> None:
        self._service = service
        self.scope = f"/{service.name}/aws4_request"
        """What the signature of a request for the service holds; its signing name is its own."""

    @cached_property
    def _model(self) -> ServiceModel:
        """Read when it is first needed: it is the largest of all."""
        return ServiceModel(loader().load_service_model(self._service.name, "service-2"), self._service.name)

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        try:
            return self._answer(request)
        except ApiError as error:
            said = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
            body = f"<Errors><Error>{said}</Error></Errors><RequestID>{uuid.uuid4()}</RequestID>"
            return _document("Response", body, "", status=error.status)

    def _answer(self, request: Request) -> Response:
        given = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        name = given.pop("Action", "")
        given.pop("Version", "")
        region = signed_region(request, self._service.name)
        if name not in self._service.operations or name not in self._model.operation_names:
            raise ApiError("InvalidAction", f"The action {name} is not valid for this web service.")
        operation = self._model.operation_model(name)
        parsed = _parsed(operation.input_shape, _tree(given)) if operation.input_shape else {}
        parameters = parsed if isinstance(parsed, dict) else {}
        hold(operation.input_shape, parameters, "the request")
        refused = self._service.interference.before(self._service.name, name)
        if refused is not None:
            raise refused
        result = self._service.operations[name](Call(operation=name, parameters=parameters, region=region))
        hold(operation.output_shape, result, "the stand-in's answer")
        if self._service.interference.after(self._service.name, name):
            return Response(drop=True)
        namespace = str(self._model.metadata.get("xmlNamespace") or "")
        body = f"<requestId>{uuid.uuid4()}</requestId>{_xml(operation.output_shape, result)}"
        return _document(f"{name}Response", body, namespace)


def _document(root: str, body: str, namespace: str, *, status: int = 200) -> Response:
    space = f' xmlns="{namespace}"' if namespace else ""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{space}>{body}</{root}>'
    return Response(status=status, body=text.encode(), content_type="text/xml;charset=UTF-8")


def _tree(given: Mapping[str, str]) -> _Tree:
    """Return `A.1.B=x` as nested tables."""
    root: _Tree = {}
    for path, value in given.items():
        *parents, last = path.split(".")
        here = root
        for part in parents:
            below = here.setdefault(part, {})
            if not isinstance(below, dict):
                raise ApiError("MalformedQueryString", f"{path} is a value and a table")
            here = below
        here[last] = value
    return root


def _parsed(shape: Shape | None, found: _Tree | str) -> Value:
    """Return what was sent as the model's members; what the model does not know keeps its name, and is refused."""
    if isinstance(shape, StructureShape) and isinstance(found, dict):
        names = {_sent(name, member): name for name, member in shape.members.items()}
        return {
            names.get(key, key): _parsed(shape.members.get(names.get(key, "")), value) for key, value in found.items()
        }
    if isinstance(shape, ListShape) and isinstance(found, dict):
        return [_parsed(shape.member, found[key]) for key in sorted(found, key=int)]
    if isinstance(found, dict):
        return {key: _parsed(None, value) for key, value in found.items()}
    if shape is not None and shape.type_name in ("integer", "long"):
        return int(found)
    return found == "true" if shape is not None and shape.type_name == "boolean" else found


def _sent(name: str, member: Shape) -> str:
    """Return a member's name in a request: its query name, or its place in answers with a capital letter."""
    told: Mapping[str, object] = member.serialization
    known = str(told.get("queryName") or told.get("name") or name)
    return known if told.get("queryName") else known[:1].upper() + known[1:]


def _xml(shape: Shape | None, value: Value) -> str:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        parts = []
        for name, item in value.items():
            member = shape.members[name]
            tag = str(member.serialization.get("name") or name)
            parts.append(f"<{tag}>{_xml(member, item)}</{tag}>")
        return "".join(parts)
    if isinstance(shape, ListShape) and isinstance(value, list):
        tag = str(shape.member.serialization.get("name") or "item")
        return "".join(f"<{tag}>{_xml(shape.member, item)}</{tag}>" for item in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))
