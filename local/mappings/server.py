"""The status over HTTP, for whoever runs the mappings in a process of their own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from local.mappings.runner import Mappings


@contextmanager
def serve(mappings: Mappings, port: int) -> Iterator[str]:
    """Answer on 127.0.0.1 (port 0: a free one) and yield the URL.

    `GET /` is the status; `GET /drained?timeout=30` answers 200 as soon as all records have come
    to an end, 504 when the time is over.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            match url.path:
                case "/":
                    self._answer(HTTPStatus.OK)
                case "/drained":
                    timeout = float(parse_qs(url.query).get("timeout", ["30"])[0])
                    drained = mappings.drained(timeout)
                    self._answer(HTTPStatus.OK if drained else HTTPStatus.GATEWAY_TIMEOUT)
                case _:
                    self.send_error(HTTPStatus.NOT_FOUND)

        def _answer(self, status: HTTPStatus) -> None:
            body = json.dumps(mappings.status()).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing: the status is asked for again and again."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = Thread(target=server.serve_forever, name="status")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
