"""counting serve"""

import argparse
from importlib.util import find_spec
from pathlib import Path

from counting.utils.output import print_error
from counting_datasets.errors import CountingError

PACKAGES = ("fastapi", "prometheus_client", "python_multipart", "uvicorn")
"""The packages of the extra ``web``."""

SHORTEST_TOKEN = 16
"""Smallest number of characters of a token."""


def run(arguments: argparse.Namespace) -> int:
    """Answer requests until the server is stopped."""
    if not all(map(find_spec, PACKAGES)):
        raise CountingError("needs the web packages: pip install 'everyday-counting[web]'")
    from counting.web.server import bind

    token = _token(arguments.token_file) if arguments.token_file else None
    with bind(arguments.host, arguments.port) as listening:
        from counting.predictor.predictor import load
        from counting.web.app import create_app
        from counting.web.limits import MEBIBYTE, Limits
        from counting.web.security import is_loopback
        from counting.web.server import server

        local = is_loopback(listening.getsockname()[0])
        limits = Limits(
            bytes=arguments.max_mb * MEBIBYTE,
            pixels=arguments.max_megapixels * 1_000_000,
            photos=arguments.max_photos,
            seconds=arguments.max_seconds,
            requests=arguments.max_requests,
        )
        counter = load(arguments.counter, arguments.device, arguments.categories)
        app = create_app(counter, limits, token=token, local_only=local and not token, threads=arguments.workers)
        if not local and not token:
            print_error(
                "counting serve: anyone who can reach this machine can use it; --token-file asks for a token"
            )
        print(f"{counter.name} counts at {_address(listening.getsockname())} (Ctrl-C stops it)", flush=True)
        server(app).run(sockets=[listening])
    return 0


def _address(name: tuple[str, int]) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(name[0], f"[{name[0]}]" if ":" in name[0] else name[0])
    return f"http://{host}:{name[1]}"


def _token(path: Path) -> str:
    """The token in a file.

    Raises:
        CountingError: the file cannot be read, or its content is no token.
    """
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not plain ASCII text"
        raise CountingError(f"--token-file {path}: {reason}") from None
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token:
        raise CountingError(
            f"--token-file {path}: must hold a token of at least {SHORTEST_TOKEN} characters, without spaces"
        )
    return token
