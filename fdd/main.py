"""python -m fdd.main --config=configs/demo.py: trains, evaluates and reports."""

import contextlib
import io
import pathlib
import re
import sys
from collections.abc import Iterator

from absl import app, flags
from ml_collections import config_flags

from fdd import cli, parts
from fdd.system import home, preemption

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "A config of fdd by name, or a Python file with get_config(), which is run: use no file that "
    "you do not trust. --config.key=value changes a key.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run. Default: runs/ and the name of the config's file."
)
_MODE = flags.DEFINE_enum(
    "mode", "train", ["train", "eval"], "eval: evaluate the best checkpoint of --workdir again."
)
_PROFILE = flags.DEFINE_string(
    "profile", None, "START:STOP: record these training steps for TensorBoard and Perfetto."
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator",
    None,
    "Several processes: HOST:PORT of the first one. (Not needed with SLURM or Open MPI.)",
)
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "Several processes: how many.")
_IMPORT = flags.DEFINE_multi_string(
    "import",
    [],
    "With --mode=eval: a module with your own parts that the run names; it is run.",
)
_PROCESS_ID = flags.DEFINE_integer(
    "process_id", None, "Several processes: number of this one, from 0."
)


def _parse_flags(argv: list[str]) -> list[str]:
    rest = cli.parse_flags(argv, _CONFIG)
    if len(rest) > 1:
        cli.wrong_usage(f"unexpected argument '{rest[1]}'")
    if _PROFILE.value is not None and not _profile():
        cli.wrong_usage(
            f"--profile={_PROFILE.value} is not START:STOP, for example 10:15; steps are "
            "counted from 1, and STOP is not recorded"
        )
    if _CONFIG.value is None and (_MODE.value == "train" or _WORKDIR.value is None):
        cli.wrong_usage("--config=FILE is needed, for example --config=demo")
    return rest


def _profile() -> tuple[int, int] | None:
    """The first step to record and the one to stop before; None if the flag is not valid."""
    match = re.fullmatch(r"(\d{1,15}):(\d{1,15})", _PROFILE.value or "")
    start, stop = map(int, match.groups()) if match else (0, 0)
    return (start, stop) if 0 < start < stop else None


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    """A context that ends the program with one line, and its own status if the run can go on."""
    with cli.one_line("the run's folder", "the same command goes on from here"):
        try:
            yield
        except preemption.Preempted as stopped:
            print(f"fdd: {stopped}; the same command goes on from there", file=sys.stderr)
            sys.exit(preemption.EXIT_STATUS)


def _folder() -> pathlib.Path:
    if _WORKDIR.value:
        return pathlib.Path(_WORKDIR.value)
    return pathlib.Path("runs", cli.config_name())


def main(_: list[str]) -> None:
    """Runs the command."""
    folder = _folder()
    home.give_matplotlib_a_folder()
    # Imported late, so that --help and a mistyped flag do not wait for JAX.
    from fdd import train
    from fdd.devices import parallel, runtime
    from fdd.runs import workdir

    runtime.prepare()
    config = _CONFIG.value
    parts.import_modules(_IMPORT.value)
    if config is not None:
        parts.import_those_of(config)
    parallel.initialize(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
    runtime.keep_memory()
    if not parallel.is_main():
        sys.stdout = io.StringIO()  # Only the main process prints.
    with parallel.ending_alone(), _resumable(), cli.writing_to(folder):
        if _MODE.value == "train":
            train.train_and_evaluate(config, folder, _profile())
            return
        stored = workdir.stored_config(folder)
        if config is not None:
            workdir.check(folder, config)
            stored.update_from_flattened_dict(cli.overrides())
        train.evaluate_again(stored, folder)


def _start() -> None:
    with _resumable():
        app.run(main, flags_parser=_parse_flags)


if __name__ == "__main__":
    cli.start(_start)
