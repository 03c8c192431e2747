"""python -m fdd.export --detector=DETECTOR --out=FILE: a detector for use without fdd."""

import pathlib
from collections.abc import Sequence

from fdd import cli, parts


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error that the user can fix ends it with one line and status 1."""
    parser = cli.Parser(
        "export",
        "Writes a detector as a program for jax.export (uint8 clips to "
        "probabilities, on CPU and CUDA) and its parameters, beside it, as .safetensors.",
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
        from fdd.inference import program  # Late, so that --help does not wait for JAX.

        parameters = program.export(options.detector, options.out)
        print(f"{options.out} ({_megabytes(options.out)}): uint8 clips to probabilities of fake")
        print(
            f"{parameters} ({_megabytes(parameters)}): the parameters; its header describes the "
            "clips"
        )
        print("Not exported: familiarity. The function answers for clips unlike training's too.")


def _megabytes(path: pathlib.Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    cli.start(main)
