"""What surrounds every request: headers, its body's size, counts, no traceback."""

import asyncio
import json
import logging
import time

_LOG = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
UPLOAD = "/api/sentences"  # the one route whose body may be large
PAGE = "page"  # the route of everything that is a file of the page, or not there


class Refused(Exception):
    """A request that ends here: its status and a message for whoever asked."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Guard:
    """ASGI middleware around the whole service.

    Args:
        app: the ASGI application.
        limits: `Limits`.
        metrics: `Metrics`.
        hosts: collection of str, names that a request's Host header may give, so that a
            foreign page whose name was pointed at this machine reads nothing; None
            takes any.
    """

    def __init__(self, app, limits, metrics, hosts=None):
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._hosts = hosts

    async def __call__(self, scope, receive, send):
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), None

        async def send_guarded(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _with_security(message["headers"])}
            await send(message)

        try:
            self._refuse_host(scope)
            body = await self._read(scope, receive)
            await self._app(scope, _replay(body, receive), send_guarded)
        except Refused as refused:
            await _answer(send_guarded, refused.status, str(refused))
        except Exception:
            _LOG.exception("%s %s failed", scope["method"], scope["path"])
            if status is not None:
                raise  # half an answer is out: the connection has to be cut
            message = "The service failed; its log says why."
            await _answer(send_guarded, 500, message)
        finally:
            route = getattr(scope.get("route"), "path", None) or PAGE
            seconds = time.monotonic() - started
            self._metrics.add(route, status or 499, seconds)

    def _refuse_host(self, scope):
        host = _header(scope, b"host").decode("latin-1")
        name = host[: host.find("]") + 1] or host.split(":")[0]
        if self._hosts is not None and name not in self._hosts:
            raise Refused(400, "This service does not go by that host name.")

    async def _read(self, scope, receive):
        """The whole body, or a refusal as soon as it is too large or too slow."""
        upload = scope["path"] == UPLOAD
        most = self._limits.upload_bytes if upload else self._limits.body_bytes
        too_large = Refused(413, f"The body is over {most:,} bytes.")
        declared = _header(scope, b"content-length")
        # More digits than this are no length, and Python takes long over thousands.
        if declared.isdigit() and (len(declared) > 18 or int(declared) > most):
            raise too_large
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self._limits.timeout):
                while more:
                    message = await receive()
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > most:
                        raise too_large
        except TimeoutError:
            raise Refused(408, "The body did not come in time.") from None
        return bytes(body)


def _replay(body, receive):
    """A `receive` that gives the body in one piece, then what comes after it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed():
        return messages.pop() if messages else await receive()

    return replayed


def _header(scope, name):
    return next((value for key, value in scope["headers"] if key == name), b"")


def _with_security(headers):
    given = [(key.lower(), value) for key, value in headers]
    own = {key.encode(): value.encode() for key, value in SECURITY_HEADERS.items()}
    if b"cache-control" not in dict(given):
        own[b"cache-control"] = b"no-store"
    return [*((k, v) for k, v in given if k not in own), *own.items()]


async def _answer(send, status, message):
    body = json.dumps({"error": message}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
