"""A limit on the number of requests in progress (ASGI middleware)."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from counting.web.uploads import RETRY_SECONDS


class Capacity:
    """Refuses requests of the API with 503 while as many as allowed are in progress."""

    def __init__(self, app: ASGIApp, *, requests: int) -> None:
        self._app = app
        self._free = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
        elif not self._free:
            error = {"error": "too many requests at once: try again later"}
            await JSONResponse(error, 503, {"Retry-After": str(RETRY_SECONDS)})(scope, receive, send)
        else:
            self._free -= 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._free += 1
