"""python -m fdd.audit DATASET_DIR: what is in a data set's splits, and whether they leak."""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from fdd import cli
from fdd.errors import UserError
from fdd.tables import escaped


def _write(path: pathlib.Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"{escaped(str(path))} cannot be written: {error.strerror}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 0, 1 for leakage, 2 for no data set."""
    parser = cli.Parser("audit", __doc__)
    parser.add_argument(
        "dataset_dir", type=pathlib.Path, help="a data set's folder, or the one above"
    )
    parser.add_argument(
        "--splits_json",
        type=pathlib.Path,
        metavar="FILE",
        help="also write the splits of a FaceForensics++ data set to a file in the format of "
        "DeepfakeBench (config.data.splits_file reads it)",
    )
    options = parser.parse_args(arguments)
    with cli.one_line("standard output"):
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    from fdd.data import coverage_lists, identity, splits, splits_file
    from fdd.data.records import Dataset  # Late, so that --help does not wait for TFDS.
    from fdd.evaluation import leakage

    try:
        dataset = Dataset(options.dataset_dir)
        rows = {s: dataset.metadata(s) for s in splits.SPLITS if s in dataset.splits}
        unshared = coverage_lists.unshared(dataset.folder)
        if options.splits_json:
            sources = identity.read_sources(dataset.folder) if dataset.identity else ()
            _write(options.splits_json, text := splits_file.write(rows, sources))
            if '"frames"' not in text:
                print(f"{options.splits_json} has no lists of frames: clips were cut from videos.")
    except UserError as error:
        print(f"fdd: {error}", file=sys.stderr)
        return 2
    text, leaks = leakage.audit(rows, unshared, dataset.builder)
    print(text)
    return int(leaks)


if __name__ == "__main__":
    cli.start(main)
