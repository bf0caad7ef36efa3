"""A real HTTP server on 127.0.0.1 that misbehaves on demand."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Site:
    """What the server serves and how it misbehaves.

    Attributes
    ----------
    files : dict
        Path to bytes.
    etag : str
        The ETag sent; empty for none.
    ranges : bool
        Whether range requests are answered with 206.
    break_after : list of int
        For each request in turn: cut the connection after so many body bytes; -1 for not.
    claim : int or None
        The Content-Length to claim instead of the true one.
    chunked : bool
        Send without a length, in chunks.
    untold : bool
        Send without a length, up to the connection's end.
    stall_after : int
        Send so many bytes, then nothing until the server stops; -1 for not.
    answers : list
        For each request in turn: a status to answer with instead, 0 for none.
    redirects : dict
        Path to location.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"v1"'
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    claim: int | None = None
    chunked: bool = False
    untold: bool = False
    stall_after: int = -1
    silent: bool = False
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    wrong_range: int = 0  # by how much its answers begin elsewhere than asked
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    server: ThreadingHTTPServer | None = None

    def secure(self, pem: Path) -> str:
        """Speak TLS from now on, with this key and certificate; returns the address."""
        assert self.server is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        # The handshake belongs to the connection's own thread, not to the one that accepts.
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        return self.url.replace("http:", "https:")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        # Whoever leaves in the middle is part of the tests.
        with contextlib.suppress(ConnectionError):
            self._get()
        self.close_connection = True

    def _get(self) -> None:
        site = self.site
        number = len(site.requests)
        path = re.sub(r"^https?://[^/]+", "", self.path)  # as asked through a proxy
        site.requests.append((self.path, dict(self.headers)))
        if site.silent:
            site.reached.set()
            site.stop.wait()
            return
        status = site.answers[number] if number < len(site.answers) else 0
        if status:
            self._head(status, {"Content-Length": "0", **site.headers})
            return
        if path in site.redirects:
            self._head(302, {"Location": site.redirects[path], "Content-Length": "0"})
            return
        if path not in site.files:
            self._head(404, {"Content-Length": "0"})
            return
        self._body(site.files[path], number)

    def _body(self, body: bytes, number: int) -> None:
        site = self.site
        headers = dict(site.headers)
        if site.etag:
            headers["ETag"] = site.etag
        status, start = 200, 0
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range", site.etag) == site.etag
        if span and site.ranges and fresh:
            status, start = 206, int(span[1])
            if start >= len(body):
                self._head(416, {"Content-Length": "0", "Content-Range": f"bytes */{len(body)}"})
                return
            first = start + site.wrong_range
            headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
        if site.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif not site.untold:
            length = len(body) - start if site.claim is None else site.claim
            headers["Content-Length"] = str(length)
        self._head(status, headers)
        end = len(body)
        if number < len(site.break_after) and site.break_after[number] >= 0:
            end = min(end, start + site.break_after[number])
        if site.stall_after >= 0:
            end = min(end, site.stall_after)
        # Noted before the last byte leaves: the client may look as soon as it has it.
        site.sent.append(end - start)
        for at in range(start, end, 1 << 16):
            data = body[at : min(end, at + (1 << 16))]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if site.chunked else data)
        if site.stall_after >= 0:
            self.wfile.flush()
            site.reached.set()
            site.stop.wait()
        elif site.chunked and end == len(body):
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that the client gives up is part of the tests."""


@contextlib.contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve the site until the block ends."""
    handler = type("Handler", (_Handler,), {"site": site})
    server = site.server = _QuietServer(("127.0.0.1", 0), handler)
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="test-server")
    thread.start()
    try:
        yield site
    finally:
        site.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()
