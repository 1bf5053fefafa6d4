"""A Report as JSON: written for programs, and read back as data only, by a job that must not trust who wrote it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from cellctl.errors import UsageError
from cellctl.pull_request.escaping import masked
from cellctl.pull_request.report import Report
from cellctl.pull_request.words import verdict

FORMAT_VERSION = "2"
MOST_BYTES = 20_000_000


def report_json(report: Report) -> dict[str, object]:
    """Return the report as JSON-like data; what looks like a credential is masked in every text."""
    fields = {key: _masked(value) for key, value in dataclasses.asdict(report).items()}
    return {"format_version": FORMAT_VERSION, "verdict": verdict(report), **fields}


def _masked(value: object) -> object:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else value


def load_report(path: Path) -> Report:
    """Return the report of a file that somebody else may have written. Only its shape is believed.

    Raises:
        UsageError: Too large, no JSON, another version or another shape (code `bad_report`).
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _bad(path, error.strerror or "cannot be read") from None
    if len(data) > MOST_BYTES:
        raise _bad(path, f"is larger than {MOST_BYTES // 1_000_000} MB")
    return read_report(data, path)


def read_report(data: bytes, path: Path) -> Report:
    """Return the report of JSON text; `path` is for messages."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

    try:
        fields: object = json.loads(data)
    except (ValueError, RecursionError):
        raise _bad(path, "is no JSON") from None
    if not isinstance(fields, dict) or fields.pop("format_version", None) != FORMAT_VERSION:
        raise _bad(path, f"is no report of format version {FORMAT_VERSION}")
    fields.pop("verdict", None)
    adapter = TypeAdapter(with_config(ConfigDict(extra="forbid"))(Report))
    try:
        return adapter.validate_json(json.dumps(fields, allow_nan=False), strict=True)
    except ValueError as error:
        if not isinstance(error, ValidationError):
            raise _bad(path, "holds a number that is none") from None
        place = ".".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"]))
        raise _bad(path, f"has another shape at {place[:80]}") from None


def _bad(path: Path, why: str) -> UsageError:
    hint = "`cellctl pr preview --format json --output-file FILE` writes one"
    return UsageError(f"{path.name} {why}", hint=hint, code="bad_report")
