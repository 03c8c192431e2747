"""A running page and a visitor's requests to it, over sockets of this machine."""

import base64
import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping

LIMITS = ("--max_megabytes=1", "--max_seconds=10", "--max_pixels=1000000", "--queue=24")
NO_COOKIE: Mapping[str, str] = {}


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def result(answer: str) -> dict:
    """The JSON that an answer offers."""
    link = re.search(r'href="data:application/json;base64,([^"]+)"', answer)
    return json.loads(base64.b64decode(link[1]))


class Site:
    """A running server, alone in its temporary folder."""

    def __init__(self, run: pathlib.Path, folder: pathlib.Path, *flags: str):
        """Starts it.

        Args:
            run: Whose detector classifies.
            folder: For its temporary files.
            flags: Of the command.
        """
        folder.mkdir(exist_ok=True)
        self.folder, self.log = folder, folder.parent / f"{folder.name}.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fdd.web", f"--workdir={run}", "--port=0", *flags],
            stdout=subprocess.PIPE, stderr=self.log.open("w"), text=True,
            env=os.environ | {"TMPDIR": str(folder)}, start_new_session=True,
        )  # fmt: skip

    def wait(self) -> "Site":
        """Waits until it serves."""
        line = self.process.stdout.readline()
        assert "http://" in line, self.log.read_text()
        self.address = line.split()[1]
        self.host = urllib.parse.urlsplit(self.address).netloc
        name, _, port = self.host.partition(":")
        self.place = (name, int(port))
        self.visitor = self.new_visitor()
        return self

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(30)
        self.process.stdout.close()
        return status

    def new_visitor(self) -> "Visitor":
        _, headers, _ = self.exchange("GET", "/", headers=NO_COOKIE)
        return Visitor(self, headers["set-cookie"].partition(";")[0])

    def exchange(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping | None = None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Status, headers and text; with the cookie of `visitor` unless `headers` say another."""
        headers = {"cookie": self.visitor.cookie} if headers is None else headers
        with contextlib.closing(http.client.HTTPConnection(*self.place, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()

    def request(self, *arguments, **more) -> tuple[int, str]:
        status, _, text = self.exchange(*arguments, **more)
        return status, text

    def raw(self, *parts: bytes, done: bool = False, seconds: float = 30.0) -> bytes:
        """Sends bytes as they are, and returns all that comes back before the server closes."""
        with socket.create_connection(self.place, timeout=seconds) as connection:
            with contextlib.suppress(ConnectionError):
                for part in parts:
                    connection.sendall(part)
                if done:
                    connection.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(ConnectionError):
                while chunk := connection.recv(65536):
                    received += chunk
            return received

    def upload(self, content: bytes, name: str) -> tuple[int, str]:
        return self.visitor.upload(content, name)

    def classify(self, token: str) -> str:
        return self.visitor.classify(token)

    def answer(self, content: bytes, name: str = "video.mp4") -> str:
        """As of a visitor who has just come."""
        return self.new_visitor().answer(content, name)

    def files(self) -> list[pathlib.Path]:
        """All files that could come from a visitor."""
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in found if "examples" not in path.parts and path.name != "lock"]

    def worker(self) -> int:
        """The process that decodes."""
        pid = self.process.pid
        found = pathlib.Path(f"/proc/{pid}/task").glob("*/children")  # It may be a thread's child.
        children = " ".join(path.read_text() for path in found).split()
        commands = {each: pathlib.Path(f"/proc/{each}/cmdline").read_bytes() for each in children}
        return next(int(each) for each, command in commands.items() if b"spawn_main" in command)


@dataclasses.dataclass
class Visitor:
    """Somebody with a browser of their own."""

    site: Site
    cookie: str
    session: str = dataclasses.field(default_factory=lambda: secrets.token_hex(6))

    def upload(self, content: bytes, name: str) -> tuple[int, str]:
        path = f"/upload?name={urllib.parse.quote(name, safe='', errors='surrogateescape')}"
        return self.site.request("PUT", path, content, headers={"cookie": self.cookie})

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """A context in which the page is open."""
        with contextlib.closing(http.client.HTTPConnection(*self.site.place)) as connection:
            path = f"/gradio_api/heartbeat/{self.session}"
            connection.request("GET", path, headers={"cookie": self.cookie})
            response = connection.getresponse()
            assert response.status == 200
            with contextlib.closing(response):
                yield

    def join(self, token: str, step: int = 1, **more) -> tuple[int, str]:
        job = {"data": [token], "fn_index": step, "trigger_id": 2, "session_hash": self.session}
        headers = {"cookie": self.cookie, "content-type": "application/json"}
        body = json.dumps(job | more).encode()
        return self.site.request("POST", "/gradio_api/queue/join", body, headers)

    def events(self) -> tuple[int, str]:
        path = f"/gradio_api/queue/data?session_hash={self.session}"
        return self.site.request("GET", path, headers={"cookie": self.cookie})

    def classify(self, token: str) -> str:
        """The answer's HTML."""
        with self.here():
            status, text = self.join(token)
            assert status == 200, text
            _, stream = self.events()
        messages = [json.loads(line[6:]) for line in stream.splitlines() if line[:6] == "data: "]
        done = next(each for each in messages if each["msg"] == "process_completed")
        assert done["success"], done
        return done["output"]["data"][0]

    def answer(self, content: bytes, name: str = "video.mp4") -> str:
        status, token = self.upload(content, name)
        assert status == 200, token
        return self.classify(token)
