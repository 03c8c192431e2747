"""A stand-in for the Hugging Face hub: it speaks HTTP on this machine."""

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator

_COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Repositories that are served.

    Attributes:
        files: Contents by repository and file name.
        asked: What was asked for: '<method> <repository>/<file>'.
        cut: Send at most this number of bytes of a file, then close the connection; None: all.
        down: Ends the service.
    """

    def __init__(self, url: str):
        self.url = url
        self.files: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.cut: int | None = None
        self.down = lambda: None


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    """A context with a hub that can be reached at its `url`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            repository, _, rest = self.path.lstrip("/").partition("/resolve/")
            file = rest.partition("/")[2]
            if file:
                hub.asked.append(f"{self.command} {repository}/{file}")
            if file not in hub.files.get(repository, {}):
                known = repository in hub.files
                self._head(404, 0, {"X-Error-Code": "EntryNotFound" if known else "RepoNotFound"})
                return
            content = hub.files[repository][file]
            first = 0
            if given := self.headers.get("Range"):
                first = int(given.removeprefix("bytes=").partition("-")[0])
            headers = {"ETag": f'"{_etag(file, content)}"', "Accept-Ranges": "bytes"}
            if file.endswith(".safetensors"):
                headers |= {"X-Linked-Size": str(len(content)), "X-Linked-Etag": headers["ETag"]}
            if first:
                headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self._head(206 if first else 200, len(content) - first, headers)
            if self.command == "GET":
                self.wfile.write(content[first:][: hub.cut])
                self.close_connection = True

        def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.send_header("X-Repo-Commit", _COMMIT)
            self.end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub = Hub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()

        def down() -> None:
            server.shutdown()
            thread.join()
            server.server_close()

        hub.down = down
        try:
            yield hub
        finally:
            down()


def _etag(file: str, content: bytes) -> str:
    """Large files are known by their SHA-256, others as git names them."""
    if file.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
