"""The HTTP server of ``counting serve``: an API in ``/v1``, and static files for the page in the browser."""
