"""python -m fdd.export --detector=DETECTOR --out=FILE: a detector for use without fdd."""

import pathlib
import sys
from collections.abc import Sequence

from fdd import cli, parts


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error that the user can fix ends it with one line and status 1."""
    parser = cli.Parser(
        "export",
        "Writes a detector as a program for jax.export (uint8 clips to probabilities and "
        "familiarity, on CPU and CUDA) and its parameters, beside it, as .safetensors.",
    )
    parser.add_detector()
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        required=True,
        help="file of the program; that of the parameters has the suffix .safetensors instead",
    )
    options = parser.parse_args(arguments)
    with cli.one_line(options.out):
        parts.import_modules(options.modules)
        from fdd.inference import familiar, program  # Late, so that --help does not wait for JAX.

        parameters, loaded = program.export(options.detector, options.out)
        given = "probabilities of fake"
        if loaded.familiarity is not None:
            given += " and distances from the training clips"
        else:
            print(familiar.unknown(options.detector, loaded.step is None), file=sys.stderr)
        print(f"{options.out} ({_megabytes(options.out)}): uint8 clips to {given}")
        print(
            f"{parameters} ({_megabytes(parameters)}): the parameters; its header describes the "
            "clips"
        )


def _megabytes(path: pathlib.Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    cli.start(main)
