"""python -m fdd.evaluate --workdir=DIR: evaluates a run's best checkpoint, on any data sets."""

import argparse
import pathlib
from collections.abc import Sequence

from fdd import cli, parts


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error that the user can fix ends it with one line and status 1."""
    parser = cli.Parser("evaluate", __doc__)
    parser.add_workdir()
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
        "BUILDER-KEY-SPLIT-robustness; the key is the data set's; default: WORKDIR/evaluations",
    )
    options = parser.parse_args(arguments)
    place = options.out or options.workdir
    with cli.one_line(place), cli.writing_to(place):
        parts.import_modules(options.modules)
        _run(options)


def _run(options: argparse.Namespace) -> None:
    from fdd.devices import runtime  # Late, so that --help does not wait for JAX.

    runtime.prepare()  # Before Matplotlib is imported, which needs a folder.
    from fdd.report import evaluations, robustness
    from fdd.runs.workdir import EVALUATIONS_DIR

    out = options.out or options.workdir / EVALUATIONS_DIR
    if options.robustness:
        areas, folder = evaluations.evaluate_robustness(
            options.workdir, options.videos, options.split, out
        )
        print(robustness.table(areas))
        print(f"Report: {folder}")
        return
    summaries = evaluations.evaluate(
        options.workdir,
        options.dataset,
        options.split,
        options.frames,
        options.allow_mismatch,
        out,
    )
    print(evaluations.table(summaries))
    print("\n".join([f"Reports: {out}", *(f"  {name}/report.html" for name in summaries)]))


if __name__ == "__main__":
    cli.start(main)
