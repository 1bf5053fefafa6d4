"""The HTTP side: sign up, look, follow. See README.md."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal

from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from jobs import BROKEN, Book, Job, Taken, Workers, problem_of
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from cellctl import AsyncCell, CellctlError, CellSpec, Home, RunOptions

FOLDER = Path(__file__).resolve().parent
REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
RETRY_MS = 1000
"""How long a browser waits before it comes again after the service went away."""


class SignUp(BaseModel):
    """What a customer says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    cloud: Literal["aws", "azure"] = "aws"


def spec_of(sign_up: SignUp) -> CellSpec:
    """Return the cell that a customer gets; SpecError where the name cannot be one."""
    return CellSpec.minimal(sign_up.name, cloud=sign_up.cloud, account="sandbox", region=REGIONS[sign_up.cloud])


def service(home: Home, *, options: RunOptions | None = None, at_once: int = 2) -> FastAPI:
    """Return the application over a home; its jobs are in `shop.db` there."""
    home.write_file()
    book = Book(home.root / "shop.db")

    def open_cell(job: Job) -> AsyncCell:
        spec = spec_of(SignUp.model_validate_json(job.body))
        if not home.cell_file(job.customer).exists():
            home.write_cell(spec)
        return AsyncCell.open(job.customer, home=home)

    workers = Workers(book, open_cell, options or RunOptions(), at_once=at_once)

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        workers.resume()
        yield
        await workers.stop()

    app = FastAPI(title="Sign up", lifespan=living)
    _routes(app, book, workers)
    _problems(app)
    return app


def _routes(app: FastAPI, book: Book, workers: Workers) -> None:
    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(FOLDER / "page.html")

    @app.post("/customers", status_code=202)
    async def sign_up(
        given: SignUp, answer: Response, idempotency_key: Annotated[str, Header(min_length=1, max_length=200)]
    ) -> dict[str, object]:
        spec_of(given)  # what is wrong is said now
        job = book.begin(given.name, idempotency_key, given.model_dump_json())
        workers.start(job.customer)
        answer.headers["Location"] = f"/customers/{job.customer}"
        return _shown(job)

    @app.get("/customers/{name}")
    async def look(name: str) -> dict[str, object]:
        job = book.job(name)
        if job is None:
            raise NoCustomer(name)
        return _shown(job)

    @app.get("/customers/{name}/events")
    async def events(name: str, last_event_id: Annotated[int, Header()] = 0) -> StreamingResponse:
        if book.job(name) is None:
            raise NoCustomer(name)
        return StreamingResponse(_stream(book, name, last_event_id), media_type="text/event-stream")


class NoCustomer(Exception):
    """Nobody of this name has signed up."""


def _shown(job: Job) -> dict[str, object]:
    problem = json.loads(job.problem) if job.problem else None
    place = f"/customers/{job.customer}"
    return {"customer": job.customer, "state": job.state, "events": f"{place}/events", "problem": problem}


async def _stream(book: Book, name: str, after: int) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    async for number, line in book.follow(name, after):
        yield f"id: {number}\ndata: {line}\n\n" if number else ": still there\n\n"
    job = book.job(name)
    yield f"event: end\ndata: {json.dumps(_shown(job) if job else None)}\n\n"


def _problems(app: FastAPI) -> None:
    def answer(body: dict[str, object], headers: Mapping[str, str] | None = None) -> JSONResponse:
        status = int(str(body["status"]))
        return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)

    @app.exception_handler(CellctlError)
    def of_cellctl(_request: Request, error: CellctlError) -> JSONResponse:
        return answer(problem_of(error))

    @app.exception_handler(Taken)
    def taken(_request: Request, error: Taken) -> JSONResponse:
        title = "this key was used for another request" if error.key else f"'{error.customer}' is taken"
        return answer({"type": "about:blank", "title": title, "status": 422 if error.key else 409})

    @app.exception_handler(NoCustomer)
    def nobody(_request: Request, error: NoCustomer) -> JSONResponse:
        return answer({"type": "about:blank", "title": f"nobody signed up as '{error}'", "status": 404})

    @app.exception_handler(RequestValidationError)
    def malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        told = [{"field": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in error.errors()]
        return answer({"type": "about:blank", "title": "the request is not valid", "status": 422, "errors": told})

    @app.exception_handler(HTTPException)
    def of_http(_request: Request, error: HTTPException) -> JSONResponse:
        """No such path, or it takes no such method: the framework's own errors are problems too."""
        problem: dict[str, object] = {"type": "about:blank", "title": error.detail, "status": error.status_code}
        return answer(problem, error.headers)

    @app.exception_handler(Exception)
    def unforeseen(_request: Request, _error: Exception) -> JSONResponse:
        return answer(BROKEN)


def __getattr__(name: str) -> FastAPI:
    """Return `app`, for `uvicorn service:app`; the environment is read here and nowhere else."""
    if name != "app":
        raise AttributeError(name)
    root = Path(os.environ.get("SHOP_HOME", FOLDER / "shop"))
    root.mkdir(parents=True, exist_ok=True)
    options = RunOptions(clock=os.environ.get("SHOP_CLOCK", ""), environment=dict(os.environ))
    return service(Home(root), options=options, at_once=int(os.environ.get("SHOP_AT_ONCE", "2")))
