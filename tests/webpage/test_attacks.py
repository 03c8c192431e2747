"""The page under attack: other sites, other visitors, odd requests; all on this machine."""

import json
import re
import time

import pytest
from web_client import NO_COOKIE, Site, Visitor, result

from fdd.webpage.hosts import Hosts
from fdd.webpage.visitors import Sessions

pytestmark = pytest.mark.usefixtures("unharmed")

NEEDED = {
    "/", "/theme.css", "/favicon.ico", "/assets/{path:path}",
    "/gradio_api/heartbeat/{session_hash}", "/gradio_api/queue/join", "/gradio_api/queue/data",
}  # fmt: skip


def request(site: Site, line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [line, f"host: {site.host}", f"cookie: {site.visitor.cookie}", *headers, "", ""]
    return site.raw("\r\n".join(lines).encode("latin-1") + body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:{port}"}, 421),
        ({"host": "127.0.0.1.evil.example:{port}"}, 421),
        ({"host": "192.0.2.7:{port}"}, 421),
        ({"host": "evil@127.0.0.1"}, 421),
        ({"host": "127.0.0.1:x"}, 421),
        ({"host": ""}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://127.0.0.1:{port}.evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"host": "localhost:{port}"}, 200),
        ({"host": "LOCALHOST.:{port}"}, 200),
        ({"host": "[::1]:{port}"}, 200),
        ({"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_only_the_page_itself_may_ask(site: Site, headers: dict[str, str], status: int):
    headers = {name: value.format(port=site.place[1]) for name, value in headers.items()}
    job = {"data": ["x"], "fn_index": 1, "trigger_id": 2, "session_hash": site.visitor.session}
    with site.visitor.here():
        for method, path, body in (
            ("PUT", "/upload?name=a", b"sent by another site's page"),
            ("POST", "/gradio_api/queue/join", json.dumps(job).encode()),
            ("GET", f"/gradio_api/queue/data?session_hash={site.visitor.session}", None),
        ):
            kind = {"content-type": "application/json", "cookie": site.visitor.cookie}
            found, answered, text = site.exchange(method, path, body, headers=kind | headers)
            assert found == status, (path, text)
            assert not [name for name in answered if name.lower().startswith("access-control")]
            if path.startswith("/upload") and status == 200:
                site.classify(text)
                break  # The visitor's stream is closed by that.


def test_a_link_from_anywhere_leads_to_the_page_and_no_further(site: Site):
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert site.request("GET", "/", headers=link)[0] == 200
    assert site.request("GET", "/examples/0", headers=link)[0] == 403
    assert request(site, "GET / HTTP/1.1", "host: evil.example").startswith(b"HTTP/1.1 4")


def test_names_that_are_allowed():
    local, everywhere = Hosts("127.0.0.1"), Hosts("0.0.0.0", ["Page.example", "fe80::1"])
    assert everywhere.serves("page.example") and everywhere.serves("page.example:443")
    assert everywhere.serves("192.0.2.7:7860") and everywhere.serves("[2001:db8::1]:7860")
    assert not everywhere.serves("evil.example") and not local.serves("page.example")
    assert Hosts("gpu-box").serves("gpu-box:7860")
    assert everywhere.may_ask("https://page.example", "same-origin", "127.0.0.1:7860")
    assert not everywhere.may_ask("https://evil.example", None, "page.example")
    assert not local.may_ask("http://localhost:8888", None, "localhost:7860")


def test_every_answer_says_how_it_may_be_used(site: Site):
    for path in ("/", "/theme.css", "/no/such", "/examples/0"):
        _, headers, _ = site.exchange("HEAD", path)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
    _, headers, _ = site.exchange("GET", "/", headers=NO_COOKIE)
    assert "HttpOnly" in headers["set-cookie"] and "SameSite" in headers["set-cookie"]


def routes(app, prefix: str = "") -> set[tuple[str, str]]:
    """(method, path) of every route of an application and of its mounted parts."""
    found = set()
    for route in app.routes:
        path = prefix + getattr(route, "path", "")
        part = getattr(route, "app", None) if not hasattr(route, "methods") else None
        part = getattr(route, "original_router", part)
        if part is not None and hasattr(part, "routes"):
            found |= routes(part, path)
        found |= {(method, path) for method in getattr(route, "methods", None) or ()}
    return found


def test_every_route_of_gradio_that_the_page_does_not_need_is_not_found(site: Site):
    import gradio  # Seconds, which not every process of a test run should spend.

    with gradio.Blocks(analytics_enabled=False) as blocks:
        gradio.HTML("x")
    offered = routes(gradio.routes.App.create_app(blocks))
    assert {path for _, path in offered} >= NEEDED and len(offered) > 60
    others = {(method, path) for method, path in offered if path not in NEEDED}
    others |= {("POST", path) for path in ("/monitoring", "/api/predict", "/queue/join")}
    others |= {("DELETE", path) for path in NEEDED} | {("OPTIONS", "/"), ("TRACE", "/upload")}
    for method, path in sorted(others):
        filled = re.sub(r"\{[^}]*\}", "classify", path)
        assert site.request(method, filled, b"" if method == "POST" else None)[0] == 404, path


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../config.json", "/assets/..%2f..%2findex.html", "/assets/%2e%2e/x",
        "/assets/..",
        "//etc/passwd", "/static/img/logo.svg", "/examples/99", "/examples/..%2fdemo.json",
        "/examples/-1", "/examples/0%00", "/upload/", "/upload%0d%0aset-cookie:x", "/%ff%fe", "/..",
        "/gradio_api/file=/etc/passwd", "/gradio_api/file%3D/etc/passwd", "/GRADIO_API/queue/data",
        "/gradio_api//queue/join", "/gradio_api/queue/../upload", "/config",
        "/docs", "/openapi.json",
        "/gradio_api/heartbeat/" + "a" * 41, "/gradio_api/heartbeat/a%2Fb",
    ],
)  # fmt: skip
def test_no_way_around(site: Site, path: str):
    assert site.request("GET", path)[0] == 404


def test_a_result_is_only_its_visitors(site: Site, videos: list[bytes]):
    owner, other = site.new_visitor(), site.new_visitor()
    assert owner.cookie != other.cookie and len(owner.cookie) > 40
    spy = Visitor(site, other.cookie, owner.session)
    _, token = owner.upload(videos[0], "private.mp4")
    with owner.here(), other.here():
        assert site.request(
            "GET", f"/gradio_api/heartbeat/{owner.session}", headers={"cookie": other.cookie}
        ) == (404, "Not found.")
        assert owner.join(token)[0] == 200
        assert spy.events() == (404, "Not found.")
        assert spy.join(token)[0] == 404
        assert Visitor(site, "fdd_visitor=", owner.session).events()[0] == 403
        assert "private.mp4" not in other.answer(b"no video")
        _, stream = owner.events()
        assert "private.mp4" in stream and "process_completed" in stream
    # Even a stolen token is of no use.
    _, token = owner.upload(videos[0], "private.mp4")
    assert "no longer there" in other.classify(token)
    assert result(owner.classify(token))["path"] == "private.mp4"
    assert "no longer there" in owner.classify(token)


def test_what_is_held_for_a_session_is_bounded(monkeypatch: pytest.MonkeyPatch):
    forgotten: list[str] = []
    sessions = Sessions(forgotten.append)
    for number in range(3000):
        assert sessions.open(f"s{number}", "secret")
        sessions.close(f"s{number}")
    assert 1900 < len(forgotten) < 3000 and not sessions.belongs("s0", "secret")
    assert sessions.belongs("s2999", "secret") and not sessions.belongs("s2999", "other")
    assert sessions.open("s2999", "secret") and not sessions.open("s2999", "other")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1000)
    assert sessions.belongs("s2999", "secret")  # Still open.
    assert not sessions.belongs("s2998", "secret")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 60_000, b'{"data": ["x"]}',
        b'{"data": [{"path": "/etc/passwd"}], "fn_index": 1, "trigger_id": 2, "session_hash": "a"}',
        b'{"data": ["x", "y"], "fn_index": 1, "trigger_id": 2, "session_hash": "a"}',
        b'{"data": ["x"], "fn_index": 99, "trigger_id": 2, "session_hash": "a"}',
        b'{"data": ["x"], "fn_index": true, "trigger_id": 2, "session_hash": "a"}',
        b'{"data": ["x"], "fn_index": NaN, "trigger_id": {}, "session_hash": []}',
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_job_of_the_page_is_refused(site: Site, body: bytes):
    started = time.monotonic()
    status, text = site.request("POST", "/gradio_api/queue/join", body)
    assert (status, text) == (400, "This is not a job of the page.")
    assert time.monotonic() - started < 5
