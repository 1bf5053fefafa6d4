"""The application: pages made on the server, no script, no build step; everything it does the library does."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cellctl.errors import CellctlError, GuardError, Locked, UsageError
from cellctl.gates import GATES, TITLES, ends_soon
from cellctl.gateway import Gateway, gateways
from cellctl.portal.forms import Forms
from cellctl.reef import reefs
from cellctl.run.options import RunOptions

if TYPE_CHECKING:
    from cellctl.home import Home

_TEMPLATES = Path(__file__).with_name("templates")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def portal(home: Home, *, options: RunOptions | None = None, sandbox: bool = True) -> FastAPI:
    """Return the application over a home. `options` are those of the runs that its buttons start.

    Without `sandbox` its buttons leave gateways of the sandbox alone (`CELLCTL_REQUIRE_REAL`).
    """
    app = FastAPI(title="cellctl", openapi_url=None, docs_url=None, redoc_url=None)
    pages = _Pages(home, options or RunOptions(), sandbox=sandbox)
    app.middleware("http")(pages.forms.guarded)
    for path, page in (("/", pages.overview), ("/gateways", pages.gateways), ("/cells", pages.cells)):
        app.get(path, response_class=HTMLResponse)(page)
    app.get("/gateways/{name}", response_class=HTMLResponse)(pages.gateway)
    app.post("/gateways/{name}/into-service", response_class=HTMLResponse)(pages.into_service)
    app.post("/gateways/{name}/probe", response_class=HTMLResponse)(pages.probe)
    app.get("/portal.css")(pages.style)
    app.exception_handler(CellctlError)(pages.failed)
    return app


class _Pages:
    """One method for each page. They run in threads: each asks the registry anew."""

    def __init__(self, home: Home, options: RunOptions, *, sandbox: bool) -> None:
        self._home, self._options, self._sandbox = home, options, sandbox
        self.forms = Forms(_HEADERS)
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._templates.filters |= {"words": _words, "when": _when}

    def overview(self) -> Response:
        """Reefs, and what waits for somebody."""
        return self._page("overview.html", reefs=reefs(self._home), waiting=self._waiting())

    def gateways(self) -> Response:
        """Every gateway."""
        return self._page("gateways.html", gateways=gateways(self._home))

    def gateway(self, name: str) -> Response:
        """One gateway: gates, shares, and its button."""
        return self._gateway(name)

    def cells(self) -> Response:
        """Every cell."""
        from cellctl.cell import cells

        return self._page("cells.html", cells=cells(self._home, options=self._options))

    def into_service(self, name: str) -> Response:
        """Bring a gateway into service, or show the gates that refuse it."""
        try:
            self._named(name).into_service(options=self._options)
        except (GuardError, Locked) as error:
            return self._gateway(name, refused=error, status=409)
        return RedirectResponse(f"/gateways/{name}", status_code=303)

    def probe(self, name: str) -> Response:
        """Try the gates of a gateway."""
        try:
            self._named(name).probe(options=self._options)
        except Locked as error:
            return self._gateway(name, refused=error, status=409)
        return RedirectResponse(f"/gateways/{name}", status_code=303)

    def style(self) -> Response:
        """The style sheet."""
        return Response((_TEMPLATES / "portal.css").read_text(encoding="utf-8"), media_type="text/css")

    async def failed(self, request: Request, error: Exception) -> Response:
        """A page for what went wrong: wrong input is not found, the rest is this machine's trouble."""
        del request
        assert isinstance(error, CellctlError)
        return self._page("failed.html", status=404 if isinstance(error, UsageError) else 500, error=error)

    def _named(self, name: str) -> Gateway:
        """Return a gateway that this portal may act on; its name is one that the registry knows."""
        gateway = Gateway(name, home=self._home)
        if gateway.status().account == "sandbox" and not self._sandbox:
            raise UsageError("this portal acts on real accounts only", hint="unset CELLCTL_REQUIRE_REAL")
        return gateway

    def _gateway(self, name: str, *, refused: CellctlError | None = None, status: int = 200) -> Response:
        found = Gateway(name, home=self._home).status()
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        objections = getattr(refused, "objections", None) or ([refused] if refused else [])
        return self._page(
            "gateway.html", status=status, one=found, gates=GATES, titles=TITLES, refused=objections,
            ends=ends_soon(found.view.deprecated, today), token=self.forms.token,
        )  # fmt: skip

    def _waiting(self) -> list[str]:
        return [one.view.name for one in gateways(self._home) if one.view.state == "probing"]

    def _page(self, template: str, *, status: int = 200, **values: object) -> Response:
        body = self._templates.get_template(template).render(home=str(self._home.root), **values)
        return HTMLResponse(body, status_code=status)


def _words(state: str) -> str:
    return state.replace("_", " ")


def _when(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "never"
