"""A local HTTP server that answers as it is told and keeps what it was sent."""

import contextlib
import http.server
import threading
from types import SimpleNamespace

COLLECTIONS = b'{"result": {"collections": []}, "status": "ok", "time": 0}'


@contextlib.contextmanager
def recording(status=200, body=COLLECTIONS, **headers):
    """Serves on a free port of 127.0.0.1.

    Yields:
        Object with `url`, and `seen`, a list of (path, dict of headers).
    """
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield SimpleNamespace(url=url, seen=seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
