"""Uploads that are slow, broken off, mislabelled, oddly named or very many."""

import concurrent.futures
import contextlib
import html.parser
import pathlib
import socket
import urllib.parse

import pytest
from web_client import Site, result, wait_for

pytestmark = pytest.mark.usefixtures("unharmed")


def request(site: Site, line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [line, f"host: {site.host}", f"cookie: {site.visitor.cookie}", *headers, "", ""]
    return site.raw("\r\n".join(lines).encode("latin-1") + body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("content-length: -5",), 400),
        (("content-length: 5, 6",), 400),
        (("content-length: 5", "content-length: 6"), 400),
        (("content-length: " + "9" * 5000,), 400),
        (("content-length: 99999999999999",), 413),
        (("content-length: 9999999999999999999",), 411),
        (("content-length: five",), 400),
        ((), 411),
        (("transfer-encoding: chunked",), 411),
        (("transfer-encoding: gzip, chunked",), 400),
        (("content-length: 5", "transfer-encoding: chunked"), 411),
        (("content-length: 5", "x: " + "y" * 200_000), 400),
        (("content-length: 5", "x: a\0b"), 400),
        (("content-length: 5", "bad header"), 400),
    ],
    ids=range(14),
)
def test_a_wrong_length_gets_one_answer(site: Site, headers: tuple[str, ...], status: int):
    answer = request(site, "PUT /upload?name=a HTTP/1.1", *headers, "connection: close", body=b"")
    assert answer.count(b"HTTP/1.1 ") == 1 and answer.startswith(f"HTTP/1.1 {status}".encode())
    assert answer.split(b"\r\n\r\n", 1)[1]


def test_a_body_that_is_too_long_is_not_read(site: Site):
    head = "PUT /upload?name=a HTTP/1.1", "content-length: 5"
    answer = request(site, *head, body=b"12345GET /config HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1 ") == 2
    token = answer.split(b"\r\n\r\n")[1][:32].decode()
    assert "cannot be opened as a video" in site.classify(token)


def test_a_short_body_is_answered_while_the_client_listens(site: Site):
    start = f"PUT /upload?name=a HTTP/1.1\r\nhost: {site.host}\r\ncookie: {site.visitor.cookie}\r\n"
    answer = site.raw(f"{start}content-length: 1000\r\n\r\nhalf of it".encode(), done=True)
    assert answer.startswith(b"HTTP/1.1 400") and answer.endswith(b"broke off before its end.")
    wait_for(lambda: site.files() == [])


def test_an_upload_that_breaks_off_leaves_nothing(site: Site):
    start = f"PUT /upload?name=a HTTP/1.1\r\nhost: {site.host}\r\ncookie: {site.visitor.cookie}\r\n"
    with socket.create_connection(site.place) as connection:
        connection.sendall(f"{start}content-length: 1000\r\n\r\nhalf of it".encode())
        wait_for(lambda: len(site.files()) == 1)
    wait_for(lambda: site.files() == [])


def test_slow_uploads_are_refused_and_others_are_served(site: Site):
    """All places of the queue are taken by uploads that stand still; 10 s later they are free."""
    head = f"PUT /upload?name=a HTTP/1.1\r\nhost: {site.host}\r\ncookie: {site.visitor.cookie}\r\n"
    half = f"{head}content-length: 1000\r\n\r\nhalf".encode()

    def trickle(start: bytes) -> bytes:
        """A byte every second, for as long as the server has patience."""
        received = b""
        with socket.create_connection(site.place, timeout=1) as connection:
            connection.sendall(start)
            for _ in range(60):
                try:
                    chunk = connection.recv(65536)
                except TimeoutError:
                    with contextlib.suppress(ConnectionError):  # It may just have given up.
                        connection.sendall(b"x" if not received else b"")
                    continue
                received += chunk
                if not chunk:
                    break
        return received

    slow = [half] * 25 + [head.encode()] * 3 + [b"", b"GET / HT"]
    with concurrent.futures.ThreadPoolExecutor(len(slow)) as pool:
        jobs = [pool.submit(trickle, start) for start in slow]
        wait_for(lambda: len(site.files()) == 25)
        assert site.request("GET", "/")[0] == 200
        assert site.upload(b"x", "a")[0] == 503
        answers = [job.result(60) for job in jobs]
    assert [answer for answer in answers if not answer.startswith(b"HTTP/1.1 408")] == []
    assert all(b"too slow or stood still" in answer for answer in answers[:25])
    wait_for(lambda: site.files() == [])


def test_two_hundred_at_once_each_get_one_answer(site: Site):
    def visit(number: int) -> tuple[int, str]:
        return site.visitor.upload(b"no video " * 100, f"{number}.mp4")

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(visit, range(200)))
    tokens = [text for status, text in answers if status == 200]
    assert len(tokens) == len(set(tokens)) == 25
    assert {text for status, text in answers if status != 200} == {
        "Busy: 24 videos are waiting already. Please try again in a minute."
    }
    assert {status for status, _ in answers} == {200, 503}
    for token in tokens:
        assert "cannot be opened as a video" in site.classify(token)


class _Tags(html.parser.HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self):
        super().__init__()
        self.found, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/x", "..\\..\\x.mp4", "a\0b.mp4", "a\r\nset-cookie: x=1\r\n\r\n<b>.mp4",
        "\u202egpj.exe", "\x1b[31mred\x07.mp4", '"onload=alert(1) x="', "'\"><img src=x>",
        "{0}${x}%s", "x" * 5000, "CON", ".", "..", "\udcff\udcfe",
        "日本語 😀.mp4", "</script><script>alert(1)",
        "a;b|c`d`$(e)", "\u2028\u2029\ufeff",
    ],
    ids=range(18),
)  # fmt: skip
def test_a_hostile_name_is_shown_as_text(site: Site, name: str):
    sent = urllib.parse.quote(name, safe="", errors="surrogateescape")
    answered, headers, token = site.exchange("PUT", f"/upload?name={sent}", b"no video")
    assert answered == 200 and "x=1" not in str(headers)
    assert [path.name for path in site.files()] == ["video"]
    answer = site.classify(token)
    shown = result(answer)["path"]
    assert shown.isprintable() and len(shown) <= 80 and "/" not in shown and "\\" not in shown
    page = _Tags()
    page.feed(answer)
    assert page.found <= {"section", "p", "h2", "a"}
    assert page.attributes <= {"class", "aria-label", "download", "href"}
    assert len(name) < 5 or name not in site.log.read_text()


def test_files_of_the_server_cannot_be_named(site: Site, tmp_path: pathlib.Path):
    (tmp_path / "secret").write_text("secret")
    for token in (str(tmp_path / "secret"), "../examples", "", "\0", "a" * 5000):
        assert "no longer there" in site.classify(token)
