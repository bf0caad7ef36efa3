"""One HTTP answer as a stream that can be left at any moment.

Looking a host up, connecting and waiting for bytes may each block for many seconds inside the
operating system. A job has to be cancellable within half a second all the same, so the blocking
calls run in a thread of this module's own, and the job asks for what has come.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import filterlab
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import one_line

__all__ = ["Answer", "BrokenOffError", "Fetch", "RefusedError", "UnreachableError"]

_CHUNK = 256 << 10
_AHEAD = 16  # chunks held between the thread and the job: 4 MB


def _tamed(message: str) -> Text:
    """A message in which nothing that a server said takes more than a line."""
    if not isinstance(message, Text):
        return Text(one_line(message))
    places = {
        place: _tamed(value) if isinstance(value, str) else value
        for place, value in message.args.items()
    }
    return Text(message.id, **places)


class _SaidError(Exception):
    def __init__(self, message: str) -> None:
        self.message = _tamed(message)
        super().__init__(self.message)


class RefusedError(_SaidError):
    """The source will not give the file, and asking again will not help."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class UnreachableError(_SaidError):
    """No answer, or one that may be better next time.

    ``retry_after`` is in seconds, if the server gave it; ``weight`` says for how many failures
    this one counts.
    """

    def __init__(self, message: str, retry_after: float | None = None, weight: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.weight = weight


class BrokenOffError(_SaidError):
    """The answer ended before its end."""


@dataclass(frozen=True)
class Answer:
    """What a server said before it sent the bytes."""

    status: int
    headers: Mapping[str, str]
    url: str

    def header(self, name: str) -> str:
        """A header's value, or nothing; names in any case."""
        for key, value in self.headers.items():
            if key.lower() == name.lower():
                return value.strip()
        return ""


class Fetch:
    """A request under way.

    Parameters
    ----------
    url : str
        ``http:`` or ``https:``. Redirects to such addresses are followed; the proxies of the
        environment and of the system are used.
    headers : mapping
        Request headers, such as ``Range``.
    timeout : float
        Seconds of silence after which the source counts as unreachable or broken off.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float = 30.0) -> None:
        self._request = urllib.request.Request(
            url,
            headers={"User-Agent": f"filterlab/{filterlab.__version__}", **headers},
        )
        self._timeout = timeout
        self._events: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="filterlab-fetch", daemon=True)
        self._thread.start()

    def next(self, wait: float) -> Answer | bytes | None:
        """What has come: first an :class:`Answer`, then bytes, ``b""`` at the end.

        None if nothing came within ``wait`` seconds.

        Raises
        ------
        RefusedError, UnreachableError, BrokenOffError
        """
        try:
            event = self._events.get(timeout=wait)
        except queue.Empty:
            return None
        if isinstance(event, BaseException):
            raise event
        answer: Answer | bytes = event
        return answer

    def close(self) -> None:
        """Leave, at once: a connection in use is cut; one being made ends by itself."""
        self._stopped.set()
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=0.2)

    # In the thread.

    def _put(self, event: Any) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._events.put(event, timeout=0.1)
                return

    def _run(self) -> None:
        try:
            with self._open() as response:
                self._put(Answer(response.status, dict(response.headers), response.url))
                while not self._stopped.is_set():
                    data = response.read1(_CHUNK)
                    self._put(data)
                    if not data:
                        return
        except BaseException as error:
            self._put(_explained(error, self._request.full_url, self._timeout))

    def _open(self) -> http.client.HTTPResponse:
        fetch = self

        class Plain(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                fetch._remember(self.sock)

        class Secure(http.client.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                fetch._remember(self.sock)

        class PlainHandler(urllib.request.HTTPHandler):
            def http_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(Plain, request)

        class SecureHandler(urllib.request.HTTPSHandler):
            def https_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(Secure, request, context=ssl.create_default_context())

        # Not build_opener(): that also opens ftp:, file: and data: addresses.
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler,
            urllib.request.HTTPDefaultErrorHandler,
            urllib.request.HTTPErrorProcessor,
            urllib.request.UnknownHandler,
            _Redirects,
            PlainHandler,
            SecureHandler,
        ):
            opener.add_handler(handler())
        response: http.client.HTTPResponse = opener.open(self._request, timeout=self._timeout)
        return response

    def _remember(self, sock: socket.socket) -> None:
        self._socket = sock
        if self._stopped.is_set():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects from the web to the web only."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urllib.parse.urlsplit(newurl).scheme.lower()
        if scheme not in ("http", "https"):
            raise RefusedError(
                Text("it leads on to {url}, an address that is not followed", url=newurl)
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _explained(error: BaseException, url: str, timeout: float) -> Exception:
    """The three things that can go wrong, with a sentence for each."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, urllib.error.HTTPError):
        with error:
            said = Text("the server answered {code} {reason}", code=error.code, reason=error.reason)
            if error.code in (408, 425, 429) or error.code >= 500:
                after = error.headers.get("Retry-After", "") if error.headers else ""
                return UnreachableError(said, float(after) if after.isdecimal() else None)
            if error.code == 407:
                said = Text(
                    "{said}: the proxy wants a name and password (http://name:password@host:port)",
                    said=said,
                )
            return RefusedError(said, error.code)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return RefusedError(
            Text(
                "its certificate is not trusted ({reason}): check this computer's "
                "clock, or a proxy that reads along",
                reason=reason.verify_message,
            )
        )
    if isinstance(reason, socket.gaierror):
        # Most often there is no net at all: say so before long.
        return UnreachableError(
            Text("its name cannot be found: is this computer online?"), weight=2
        )
    if isinstance(reason, TimeoutError):
        return UnreachableError(Text("it has been silent for {seconds:g} s", seconds=timeout))
    if isinstance(reason, http.client.IncompleteRead):
        return BrokenOffError(Text("the connection broke off"))
    if isinstance(reason, (ConnectionError, http.client.HTTPException, ssl.SSLError)):
        text = reason_of(reason) if str(reason) else type(reason).__name__
        return UnreachableError(Text("the connection failed ({reason})", reason=text))
    if isinstance(error, urllib.error.URLError):
        return UnreachableError(str(reason))
    if isinstance(error, (OSError, ValueError)):
        return UnreachableError(str(error) or type(error).__name__)
    return RefusedError(f"{type(error).__name__}: {error}")
