"""The application: the API, the page, the documentation, and what guards them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from counting import __version__
from counting.predictor.predictor import Predictor
from counting.web.api import Api
from counting.web.capacity import Capacity
from counting.web.limits import Limits
from counting.web.metrics import Measured, Metrics
from counting.web.security import Security
from counting.web.worker import Worker

STATIC = Path(__file__).parent / "static"
"""The files of the page."""

LONGEST_PATH = 200
"""Number of characters of a path that an error repeats."""

DOCUMENTATION = Path(__file__).parent / "documentation"
"""The files of the documentation page."""


def create_app(
    counter: Predictor,
    limits: Limits | None = None,
    *,
    token: str | None = None,
    local_only: bool = False,
    threads: int | None = None,
) -> FastAPI:
    """The application that answers with ``counter``.

    Args:
        limits: what it accepts.
        token: if given, the API asks for it.
        local_only: answer only to the names of this machine.
        threads: number of photos counted in parallel; by default one per processor, at most 8.
    """
    limits = limits or Limits()
    metrics = Metrics(lambda: worker.waiting)
    worker = Worker(counter, waiting=limits.waiting, threads=threads, on_batch=metrics.batches.observe)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        worker.stop()

    app = FastAPI(
        title="everyday-counting",
        version=__version__,
        summary="Count everyday objects in photos.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(Api(worker, limits, metrics).router())
    _add_pages(app, worker, metrics)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(Capacity, requests=limits.requests)
    app.add_middleware(Security, token=token, local_only=local_only)
    app.add_middleware(Measured, metrics=metrics)
    return app


def _add_pages(app: FastAPI, worker: Worker, metrics: Metrics) -> None:
    @app.get("/healthz", tags=["server"])
    async def healthz() -> Response:
        """Say whether the server can count."""
        return JSONResponse({"status": "ok" if worker.is_alive else "stopped"}, 200 if worker.is_alive else 503)

    @app.get("/metrics", tags=["server"], response_class=Response)
    async def prometheus() -> Response:
        """Numbers, times and sizes in the format of Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> Response:
        return FileResponse(DOCUMENTATION / "index.html")

    app.mount("/docs", StaticFiles(directory=DOCUMENTATION))
    files = StaticFiles(directory=STATIC, html=True)

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/v1/"):
            raise HTTPException(404)
        await files(scope, receive, send)

    app.router.default = page


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return JSONResponse({"error": _sentence(request, error)}, error.status_code, error.headers)
    return JSONResponse({"error": f"invalid request: {error}"}, 422)


def _sentence(request: Request, error: HTTPException) -> str:
    match error.status_code:
        case 404:
            return f"{request.url.path[:LONGEST_PATH]}: no such page"
        case 405:
            return f"{request.url.path[:LONGEST_PATH]} does not accept {request.method}"
        case _:
            return str(error.detail)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "internal error: see the server's log"}, 500)
