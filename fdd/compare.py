"""python -m fdd.compare DIR DIR ...: several runs in one table, and their ROC curves in one figure.

Runs of one data set whose configs differ only in the seed share a line: mean ± standard deviation
over the seeds. The others are compared with the first line's runs, on the same videos.
"""

import pathlib
from collections.abc import Sequence

from fdd import cli
from fdd.system import home


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error that the user can fix ends it with one line and status 1."""
    parser = cli.Parser("compare", __doc__)
    parser.add_argument(
        "runs", type=pathlib.Path, nargs="+", metavar="DIR", help="workdir of a run"
    )
    parser.add_argument(
        "--figure", type=pathlib.Path, default=pathlib.Path("runs/compare.png"), help="ROC curves"
    )
    options = parser.parse_args(arguments)
    with cli.one_line(options.figure):
        home.give_matplotlib_a_folder()
        from fdd.report import comparison  # Late, so that --help does not wait for JAX.

        comparison.compare(options.runs, options.figure)


if __name__ == "__main__":
    cli.start(main)
