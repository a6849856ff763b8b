"""Run the application with uvicorn, on a socket that is bound before the counter is loaded."""

import asyncio
import errno
import logging
import socket
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from counting_datasets.errors import CountingError

REQUEST_SECONDS = 15
"""The time for the headers of a request to arrive, and for a connection to stay open without a request."""

ANSWER_SECONDS = 60
"""The time for a client to take the rest of an answer."""

CONNECTIONS = 500
"""Largest number of open connections."""

GRACE_SECONDS = 10
"""The time that requests in progress get when the server stops."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens at ``host`` and ``port``; port 0 stands for any free one.

    Raises:
        CountingError: the port is in use or not allowed, or there is no such host.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=CONNECTIONS)
    except socket.gaierror:
        raise CountingError(f"--host {host}: no such address of this machine") from None
    except OSError as error:
        raise CountingError(_why_not(error, host, port)) from None


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use: choose another with --port, or 0 for any free one"
        case errno.EACCES:
            return f"port {port} is not allowed: choose one from 1024 with --port"
        case errno.EADDRNOTAVAIL:
            return f"--host {host}: not an address of this machine"
        case _:
            return f"cannot listen at {host}, port {port}: {error.strerror or error}"


def server(app: FastAPI) -> uvicorn.Server:
    """The server of ``app``, which at SIGINT or SIGTERM finishes the requests in progress, then stops."""
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it reports every malformed form
    config = uvicorn.Config(
        app,
        http=TimedProtocol,
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


class TimedProtocol(H11Protocol):
    """Closes connections whose client sends no complete headers, or does not take its answer.

    uvicorn itself limits neither. The application limits the time of a request's body and of its answer.
    """

    _since: float
    _timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._check()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def _check(self) -> None:
        """Close the connection if no request is in progress and its time is over; else check again."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        seconds = ANSWER_SECONDS if self.transport.get_write_buffer_size() else REQUEST_SECONDS
        if not is_answering and self.loop.time() - self._since > seconds:
            self.transport.abort()
        self._timer = self.loop.call_later(1, self._check)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP."""
        body = b'{"error": "this is not a valid HTTP request"}'
        headers: list[tuple[str, Any]] = [("Content-Type", "application/json"), ("Connection", "close")]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
