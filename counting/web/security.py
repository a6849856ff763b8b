"""What every request passes first: who may ask, and the headers of every answer (ASGI middleware)."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
))  # fmt: skip
"""The page loads its own files only, and runs no inline scripts or styles."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

PROTECTED = ("/v1/", "/metrics")
"""The paths that need a token; the page, the documentation and /healthz need none."""


class Security:
    """Adds security headers, and refuses requests of other sites and, if there is a token, those without it."""

    def __init__(self, app: ASGIApp, *, token: str | None, local_only: bool) -> None:
        """``local_only`` refuses other host names than this machine's, which a site's DNS could point at it."""
        self._app = app
        self._token = token
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store" if scope["path"].startswith("/v1/") else "no-cache")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._local_only and not _is_local(host):
            return JSONResponse({"error": "unknown host: use http://127.0.0.1 or http://localhost"}, 400)
        if scope["method"] not in ("GET", "HEAD") and _is_of_other_site(headers, host):
            return JSONResponse({"error": "requests of other sites are refused"}, 400)
        if self._token is not None and scope["path"].startswith(PROTECTED):
            kind, _, sent = headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(sent.strip().encode(), self._token.encode()):
                error = {"error": "no valid token: send the header Authorization: Bearer TOKEN"}
                return JSONResponse(error, 401, {"WWW-Authenticate": "Bearer"})
        return None


def _is_local(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)


def is_loopback(address: str) -> bool:
    """Whether an IP address is one of this machine only."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _is_of_other_site(headers: Headers, host: str) -> bool:
    """Whether a browser sends this request for a page of another site; programs send neither header."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower())
