"""python -m fdd.predict --workdir=DIR VIDEO…: gives each video a probability of fake."""

import argparse
import contextlib
import glob
import json
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from fdd import cli, parts
from fdd.errors import UserError, shown
from fdd.video import files

_NO_ANSWER = 3

_EPILOG = f"""\
A folder is searched, with its subfolders and linked folders, for files with the usual endings of
videos; a file that is named directly is always tried. --json prints an object per line;
fdd/inference/prediction.py lists its fields.

Exit status: {cli.OK}, every video got an answer; {_NO_ANSWER}, some did not;
{cli.WRONG_USAGE}, wrong usage, such as a file that does not exist; {cli.ERROR}, another error, such
as a folder without a run.
"""


def find_videos(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lists the files that files, folders and globs stand for.

    Args:
        arguments: What the user named.

    Returns:
        The files, each once, in the order they were named and sorted within a folder or a glob;
        and what the user should know: what was passed over, and why.

    Raises:
        UserError: one of them stands for nothing.
    """
    found: list[str] = []
    notes: list[str] = []
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
            why = files.summary(others)
            if not videos and match == argument:
                raise UserError(f"{shown(match)} holds no video ({why or 'it is empty'})")
            if others:
                notes.append(f"passed over in {shown(match)}: {why}")
                notes += [
                    f"{shown(os.path.join(match, o.path))}: {o.reason}" for o in _named(others)
                ]
            found.extend(videos)
    distinct, others = _distinct(found)
    if others:
        notes.append(f"{others} videos were named twice and are classified once")
    return distinct, notes


def _in_folder(folder: str) -> tuple[list[str], list[files.Ignored]]:
    """The videos below a folder, and what else is there."""
    try:
        found, ignored = files.walk(folder)
    except OSError as error:
        raise UserError(f"{shown(folder)} cannot be searched: {error.strerror}") from None
    videos, others = files.once(file for file in found if files.is_video(file.path))
    reasons = ((file.path, files.why_no_video(folder, file.path)) for file in found)
    ignored += [*others, *(files.Ignored(path, why) for path, why in reasons if why)]
    return [os.path.join(folder, video.path) for video in videos], ignored


def _named(others: Sequence[files.Ignored]) -> list[files.Ignored]:
    """What is called as a video and is none, and not hidden; the first ten."""
    names = [o for o in others if files.is_video(o.path) and os.path.basename(o.path)[0] != "."]
    return names[:10]


def _distinct(paths: Sequence[str]) -> tuple[list[str], int]:
    """The paths without those that name a file a second time, and how many those are."""
    known: dict[object, str] = {}
    for path in paths:
        try:
            info = os.stat(path)
            known.setdefault((info.st_dev, info.st_ino), path)
        except OSError:  # The video's answer will report it.
            known.setdefault(path, path)
    return list(known.values()), len(paths) - len(known)


def _no_option(argument: str) -> str:
    """The name of a file that begins with a dash, so that it is not read as an option."""
    is_file = argument.startswith("-") and os.path.lexists(argument)
    return os.path.join(os.curdir, argument) if is_file else argument


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error the user can put right ends it with one line."""
    parser = cli.Parser("predict", __doc__, _EPILOG)
    parser.add_workdir()
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="a file, a folder or a glob")
    parser.add_argument("--json", action="store_true", help="print JSON, one object per line")
    parser.add_argument(
        "--out", type=pathlib.Path, help="write a page and a picture per video into this folder"
    )
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args([_no_option(argument) for argument in given])
    # Videos that are being decoded ahead are not waited for.
    with cli.one_line(options.out or "standard output", waits=False):
        try:
            paths, notes = find_videos(options.videos)
        except UserError as error:
            parser.error(str(error))
        for note in notes:
            print(f"fdd: {note}", file=sys.stderr)
        parts.import_modules(options.modules)
        unanswered = sum(_run(options, paths))
    if unanswered:
        some = f"{unanswered} of {len(paths)} videos got no answer"
        print(f"fdd: {some}", file=sys.stderr)
        sys.exit(_NO_ANSWER)


def _run(options: argparse.Namespace, paths: Sequence[str]) -> Iterator[bool]:
    """Classifies the videos and prints; yields for each whether it got no answer."""
    from fdd.runs import workdir  # Late, so that --help need not wait.
    from fdd.video.prefetch import ClipPrefetcher
    from fdd.video.preprocessing import Preprocessing

    config = workdir.stored_config(options.workdir)
    # Videos are decoded while JAX is imported, the checkpoint read and the network compiled.
    with contextlib.closing(ClipPrefetcher(paths, Preprocessing.of(config.data))) as extractions:
        import tqdm

        from fdd.devices import runtime
        from fdd.inference.detector import Detector

        runtime.prepare()
        detector = Detector.load(options.workdir)
        writer = _writer(options.out, detector)
        quiet = True if sys.stdout.isatty() else None  # None: unless stderr is a terminal.
        bar = tqdm.tqdm(extractions, total=len(paths), unit="video", disable=quiet)
        for path, extraction in bar:
            prediction = detector.classify(path, extraction)
            files = writer(prediction, extraction)
            print(_text(prediction, files, options.json), flush=True)
            yield prediction.person is None


def _writer(out: pathlib.Path | None, detector: Any) -> Any:
    if out is None:
        return lambda prediction, extraction: {}
    from fdd.inference.page import Pages

    return Pages(out, detector).write


def _text(prediction: Any, files: dict[str, str], as_json: bool) -> str:
    from fdd.inference import words as prediction_text

    if as_json:
        return json.dumps(prediction.as_json() | files, allow_nan=False)
    pages = [f"  {name}: {shown(file)}" for name, file in files.items()]
    return "\n".join([prediction_text.lines(prediction), *pages])


if __name__ == "__main__":
    cli.start(main)
