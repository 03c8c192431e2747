"""python -m fdd.evaluate --detector=DETECTOR: evaluates a detector, on any data sets."""

import argparse
import pathlib
from collections.abc import Sequence

from fdd import cli, parts


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error that the user can fix ends it with one line and status 1."""
    parser = cli.Parser("evaluate", __doc__)
    parser.add_detector()
    parser.add_argument(
        "--dataset",
        type=pathlib.Path,
        action="append",
        default=[],
        help="folder with dataset_info.json; may be given several times; default: the run's own",
    )
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument(
        "--frames",
        choices=("as_is", "shuffled", "repeated"),
        help="controls: frames in random order, or the middle frame repeated",
    )
    parser.add_argument(
        "--allow_mismatch",
        action="store_true",
        help="score clips that were cut in another way than the run's; the report says so",
    )
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="damage the run's videos in seven ways at five levels, and tabulate AUC",
    )
    parser.add_argument(
        "--videos", type=pathlib.Path, help="with --robustness: where the videos are"
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        help="folder of the reports, one each in BUILDER-KEY-SPLIT-FRAMES, or in "
        "BUILDER-KEY-SPLIT-robustness; the key is the data set's; default: evaluations/ in the "
        "run's folder, or of a detector on the hub in runs/NAME",
    )
    parser.add_argument(
        "--calibrate",
        type=pathlib.Path,
        metavar="DATASET",
        help="first fit temperature and threshold on this data set's validation split, and store "
        "them for published weights, which come without",
    )
    parser.add_error_rate()
    options = parser.parse_args(arguments)
    place = options.out or options.detector
    with cli.one_line(place), cli.writing_to(place):
        parts.import_modules(options.modules)
        _run(options)


def _run(options: argparse.Namespace) -> None:
    from fdd.devices import runtime  # Late, so that --help does not wait for JAX.

    runtime.prepare()  # Before Matplotlib is imported, which needs a folder.
    from fdd.inference import sources
    from fdd.report import calibrating, evaluations, robustness

    if options.calibrate:
        print(calibrating.calibrate(options.detector, options.calibrate))
        if not (options.dataset or options.robustness):
            return
    out = options.out or sources.find(options.detector).reports
    if options.robustness:
        areas, answered, folder = evaluations.evaluate_robustness(
            options.detector, options.videos, options.split, out
        )
        print(robustness.table(areas, answered))
        print(f"Report: {folder}")
        return
    summaries = evaluations.evaluate(
        options.detector,
        options.dataset,
        options.split,
        options.frames,
        options.allow_mismatch,
        out,
        options.error_rate,
    )
    print(evaluations.table(summaries))
    print("\n".join([f"Reports: {out}", *(f"  {name}/report.html" for name in summaries)]))


if __name__ == "__main__":
    cli.start(main)
