"""python -m fdd.predict --workdir=DIR VIDEO…: says how likely videos are fakes."""

import argparse
import contextlib
import glob
import json
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from fdd import commands
from fdd.errors import UserError, is_of_the_disk, keep_threads_quiet_about_disks, shown

VIDEO_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".hevc", ".m2ts", ".m2v"),
    *(".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".rm"),
    *(".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
)
_OK, _ERROR, _WRONG_USAGE, _NO_ANSWER = 0, 1, 2, 3

_EPILOG = f"""\
A folder is searched, with its subfolders, for files with the usual endings of videos; any file that
is named itself is tried. --json prints an object per line; fdd/prediction.py lists its fields.

Exit status: {_OK}, every video got an answer; {_NO_ANSWER}, some did not; {_WRONG_USAGE}, wrong
usage, such as a file that does not exist; {_ERROR}, another error, such as a folder without a run.
"""


def find_videos(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lists the files that files, folders and globs stand for.

    Args:
        arguments: What the user named.

    Returns:
        The files, each once, in the order they were named and sorted within a folder or a glob;
        and what the user should know: what was passed over.

    Raises:
        UserError: one of them stands for nothing.
    """
    found: list[str] = []
    notes = []
    for argument in arguments:
        if os.path.lexists(argument):
            matches = [argument]
        elif glob.has_magic(argument):
            matches = sorted(glob.glob(argument, recursive=True))
        else:
            raise UserError(f"there is no file {shown(argument)}")
        if not matches:
            raise UserError(f"no file matches {shown(argument)}")
        for match in matches:
            if not os.path.isdir(match):
                found.append(match)
                continue
            videos, others = _in_folder(match)
            if not videos and match == argument:
                raise UserError(f"{shown(match)} holds no video among its {others} files")
            if others:
                notes.append(f"{others} files in {shown(match)} are no videos by their names")
            found.extend(videos)
    distinct = list(dict.fromkeys(found))
    if len(distinct) < len(found):
        notes.append(f"{len(found) - len(distinct)} videos were named twice and are judged once")
    return distinct, notes


def _in_folder(folder: str) -> tuple[list[str], int]:
    """The videos below a folder, and how many other files there are."""
    files = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    videos = [file for file in files if os.path.splitext(file)[1].lower() in VIDEO_SUFFIXES]
    return sorted(videos), len(files) - len(videos)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Ends the command with one line."""
        print(f"fdd: {message} (--help lists what there is)", file=sys.stderr)
        sys.exit(_WRONG_USAGE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error the user can put right ends it with one line."""
    parser = _Parser(
        prog="python -m fdd.predict",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workdir", type=pathlib.Path, required=True, help="of a run")
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="a file, a folder or a glob")
    parser.add_argument("--json", action="store_true", help="print JSON, one object per line")
    parser.add_argument(
        "--out", type=pathlib.Path, help="write a page and a picture per video into this folder"
    )
    options = parser.parse_args(arguments)
    commands.open_standard_streams()
    try:
        paths, notes = find_videos(options.videos)
    except UserError as error:
        parser.error(str(error))
    for note in notes:
        print(f"fdd: {note}", file=sys.stderr)
    try:
        unanswered = sum(_run(options, paths))
    except UserError as error:
        sys.exit(f"fdd: {error}")
    except BrokenPipeError:  # Whoever reads the answers has had enough.
        os._exit(_ERROR)
    except OSError as error:
        if not is_of_the_disk(error):
            raise
        place = shown(os.fsdecode(error.filename or options.out or "standard output"))
        sys.exit(f"fdd: {place} cannot be written: {error.strerror}")
    except KeyboardInterrupt:
        print("fdd: interrupted", file=sys.stderr)
        os._exit(130)  # Videos that are being decoded ahead are not waited for.
    if unanswered:
        some = f"{unanswered} of {len(paths)} videos got no answer"
        print(f"fdd: {some}", file=sys.stderr)
        sys.exit(_NO_ANSWER)


def _run(options: argparse.Namespace, paths: Sequence[str]) -> Iterator[bool]:
    """Judges the videos and prints; yields for each whether it got no answer."""
    from fdd import workdir  # Late, so that --help need not wait.
    from fdd.video.ahead import Ahead
    from fdd.video.clips import Preprocessing

    config = workdir.stored_config(options.workdir)
    # Videos are decoded while JAX is imported, the checkpoint read and the network compiled.
    with contextlib.closing(Ahead(paths, Preprocessing.of(config.data))) as extractions:
        import tqdm
        from absl import logging

        from fdd import runtime
        from fdd.detector import Detector

        logging.set_verbosity(logging.ERROR)  # orbax tells of every file.
        runtime.prepare()
        detector = Detector.load(options.workdir)
        writer = _writer(options.out, detector)
        quiet = True if sys.stdout.isatty() else None  # None: unless stderr is a terminal.
        bar = tqdm.tqdm(extractions, total=len(paths), unit="video", disable=quiet)
        for path, extraction in bar:
            prediction = detector.judge(path, extraction)
            files = writer(prediction, extraction)
            print(_text(prediction, files, options.json), flush=True)
            yield prediction.person is None


def _writer(out: pathlib.Path | None, detector: Any) -> Any:
    if out is None:
        return lambda prediction, extraction: {}
    from fdd.report.prediction import Pages

    return Pages(out, detector).write


def _text(prediction: Any, files: dict[str, str], as_json: bool) -> str:
    from fdd import prediction_text

    if as_json:
        return json.dumps(prediction.as_json() | files, allow_nan=False)
    pages = [f"  {name}: {shown(file)}" for name, file in files.items()]
    return "\n".join([prediction_text.lines(prediction), *pages])


if __name__ == "__main__":
    keep_threads_quiet_about_disks()
    main()
