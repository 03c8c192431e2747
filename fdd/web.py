"""python -m fdd.web --detector=DETECTOR: a web page that classifies videos."""

import socket
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from fdd import cli, parts
from fdd.errors import UserError

if TYPE_CHECKING:
    from fdd.webpage.limits import Limits

_EPILOG = """\
The page listens on this machine only. It has no passwords: before you open it to others, put a
proxy with a password and TLS in front. A video is deleted as soon as it is classified.
"""


def serve(
    place: str,
    host: str,
    port: int,
    limits: "Limits",
    allowed_hosts: Sequence[str] = (),
    error_rate: float | None = None,
) -> None:
    """Serves the page until the process is interrupted.

    Args:
        place: The detector's, see `fdd.Detector.load`.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        limits: The limits of uploads.
        allowed_hosts: Names that the page is served under besides this machine's own.
        error_rate: See `fdd.Detector.load`.

    Raises:
        UserError: there is no detector, Gradio is not installed, or the port is taken.
    """
    with _listen(host, port) as sock:
        try:
            import uvicorn  # Late, so that --help does not wait.

            from fdd.webpage import protocol, server
        except ImportError as error:
            raise UserError(
                f"{error}: install fdd's extra 'web' (in a checkout: pip install -e '.[web]')"
            ) from None
        from fdd.devices import runtime
        from fdd.inference import familiar
        from fdd.inference.detector import Detector
        from fdd.webpage import folder, site
        from fdd.webpage.hosts import Hosts

        runtime.prepare()
        detector = Detector.load(place, error_rate=error_rate)
        if detector.familiarity is None:
            print(familiar.unknown(place, detector.step is None), file=sys.stderr, flush=True)
        hosts = Hosts(host, allowed_hosts)
        with (
            folder.temporary() as files,
            site.running(detector, limits, files, hosts) as app,
        ):
            print(f"Open {server.address(host, sock.getsockname()[1])}", flush=True)
            if host not in ("127.0.0.1", "::1", "localhost"):
                warning = "fdd: whoever reaches this address can use the page: there is no password"
                print(warning, file=sys.stderr, flush=True)
            config = uvicorn.Config(
                app, http=protocol.Protocol, ws="none", log_level="warning", access_log=False,
                server_header=False, timeout_graceful_shutdown=2,
            )  # fmt: skip
            uvicorn_server = uvicorn.Server(config)
            uvicorn_server.handle_exit = _once(uvicorn_server.handle_exit)
            uvicorn_server.run(sockets=[sock])


def _once(handler: Callable[..., None]) -> Callable[..., None]:
    """A signal handler that ignores all but the first: at a second, uvicorn would not tidy up."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if not received:
            received.append(number)
            handler(number, frame)

    return handle


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (")[0]
        raise UserError(f"cannot listen on {host}, port {port}: {reason}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error that the user can fix ends it with one line and status 1."""
    parser = cli.Parser("web", __doc__, _EPILOG)
    parser.add_detector()
    parser.add_error_rate()
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=7860, help="0 takes a free one (7860)")
    parser.add_argument(
        "--allowed_hosts",
        metavar="NAME,...",
        default="",
        help="further names under which browsers reach the page, such as a proxy's",
    )
    parser.add_argument("--max_megabytes", type=float, help="size of a file (100)")
    parser.add_argument("--max_seconds", type=float, help="duration of a video (300)")
    parser.add_argument("--max_pixels", type=int, help="of a frame (8294400, that is 4K)")
    parser.add_argument("--queue", type=int, help="how many videos may wait (20)")
    parser.add_argument("--timeout", type=float, help="seconds for one video (60)")
    options = parser.parse_args(arguments)
    # uvicorn raises the signal again once it has stopped.
    with cli.one_line("the temporary folder"):
        parts.import_modules(options.modules)
        from fdd.webpage.limits import Limits

        asked = {
            "megabytes": options.max_megabytes,
            "seconds": options.max_seconds,
            "pixels": options.max_pixels,
            "queue": options.queue,
            "timeout": options.timeout,
        }
        limits = Limits(**{name: value for name, value in asked.items() if value is not None})
        allowed = [name for name in options.allowed_hosts.split(",") if name]
        serve(options.detector, options.host, options.port, limits, allowed, options.error_rate)


if __name__ == "__main__":
    cli.start(main)
