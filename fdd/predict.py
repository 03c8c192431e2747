"""python -m fdd.predict --detector=DETECTOR VIDEO…: gives each video a probability of fake."""

import argparse
import contextlib
import json
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from fdd import cli, parts
from fdd.errors import UserError, shown
from fdd.video import named

_NO_ANSWER = 3

_EPILOG = f"""\
A folder is searched, with its subfolders and linked folders, for files with the usual endings of
videos; a file that is named directly is always tried. --json prints an object per line;
fdd/inference/prediction.py lists its fields.

Exit status: {cli.OK}, every video got an answer, if only "undecided"; {_NO_ANSWER}, some did not;
{cli.WRONG_USAGE}, wrong usage, such as a file that does not exist; {cli.ERROR}, another error, such
as a folder without a run.
"""


def _no_option(argument: str) -> str:
    """The name of a file that begins with a dash, so that it is not read as an option."""
    is_file = argument.startswith("-") and os.path.lexists(argument)
    return os.path.join(os.curdir, argument) if is_file else argument


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error that the user can fix ends it with one line."""
    parser = cli.Parser("predict", __doc__, _EPILOG)
    parser.add_detector()
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="a file, a folder or a glob")
    parser.add_argument("--json", action="store_true", help="print JSON, one object per line")
    parser.add_argument(
        "--out", type=pathlib.Path, help="write a page and a picture per video into this folder"
    )
    parser.add_argument(
        "--answer_anyway",
        action="store_true",
        help="show the score of videos unlike those of training too; it means nothing",
    )
    parser.add_error_rate()
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args([_no_option(argument) for argument in given])
    # The program does not wait for videos that are being decoded ahead.
    with cli.one_line(options.out or "standard output", waits=False):
        try:
            paths, notes = named.find_videos(options.videos)
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
    from fdd.inference import sources  # Late, so that --help does not wait.
    from fdd.video.prefetch import ClipPrefetcher
    from fdd.video.preprocessing import Preprocessing

    config = sources.find(options.detector).config
    # Videos are decoded while JAX is imported, the checkpoint read and the network compiled.
    with contextlib.closing(ClipPrefetcher(paths, Preprocessing.of(config.data))) as extractions:
        import tqdm

        from fdd.devices import runtime
        from fdd.inference import familiar
        from fdd.inference.detector import Detector

        runtime.prepare()
        detector = Detector.load(options.detector, options.answer_anyway, options.error_rate)
        if detector.familiarity is None:
            print(familiar.unknown(options.detector, detector.step is None), file=sys.stderr)
        writer = _writer(options.out, detector)
        quiet = True if sys.stdout.isatty() else None  # None: unless stderr is a terminal.
        bar = tqdm.tqdm(extractions, total=len(paths), unit="video", disable=quiet)
        for path, extraction in bar:
            prediction = detector.classify(path, extraction, familiar.size_of(path))
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
