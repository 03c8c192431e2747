"""python -m fdd.bench KIND [--config=FILE]: how fast this machine does one part of the work.

KIND is one of
    train    train steps, on random clips that lie in memory and then on the config's data
    forward  logits of batches of random clips
    input    reading, decoding and batching records, and the decoding alone
    build    cutting the config's videos into clips
    predict  an answer for a video, from the file to the probability
    blend    train steps with self-blended fakes beside steps without; --picture=FILE draws some
    memory   nothing: which setting lets a train step fit into GPUs of 8 to 80 GB, as counted by the
             compiler

--json prints one object; `fdd.benchmarks` says what is in it. Weights are random.
"""

import contextlib
import json
import pathlib
import sys
from typing import Any

import ml_collections
from absl import app, flags
from ml_collections import config_flags

from fdd import cli, parts, recipes

KINDS = ("train", "forward", "input", "build", "predict", "blend", "memory")

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    recipes.path("resnet_lstm"),
    "File with get_config(), or the name of a config of fdd's; --config.key=value changes a key.",
)
_REPEATS = flags.DEFINE_integer("repeats", 10, "How often to measure.", lower_bound=1)
_JSON = flags.DEFINE_boolean("json", False, "Print one JSON object.")
_VIDEO = flags.DEFINE_string("video", "", "For predict: the file to classify.")
_PICTURE = flags.DEFINE_string("picture", "", "For blend: an image file to write.")
_VIDEOS = flags.DEFINE_integer("videos", 8, "For build: how many of the videos.", lower_bound=1)


def _parse_flags(argv: list[str]) -> list[str]:
    rest = cli.parse_flags(argv, _CONFIG)
    if len(rest) != 2 or rest[1] not in KINDS:
        cli.wrong_usage(f"say what to measure, one of {', '.join(KINDS)}")
    if rest[1] == "predict" and not _VIDEO.value:
        cli.wrong_usage("--video=FILE is needed to measure predict")
    return rest


def main(argv: list[str]) -> None:
    """Runs the command; an error that the user can fix ends it with one line and status 1."""
    from fdd import benchmarks
    from fdd.devices import runtime

    parts.import_those_of(_CONFIG.value)
    runtime.prepare()
    if argv[1] == "train":
        runtime.keep_memory()
    # Standard output is for the measurements; the data set's name goes to standard error.
    with contextlib.redirect_stdout(sys.stderr):
        found = _measure(argv[1], _CONFIG.value)
    print(json.dumps(found) if _JSON.value else benchmarks.text(found))


def _measure(kind: str, config: ml_collections.ConfigDict) -> dict[str, Any]:
    from fdd import benchmarks

    if kind == "input":
        return benchmarks.measure_input(config, _REPEATS.value)
    if kind == "build":
        return benchmarks.measure_build(config, _VIDEOS.value, _REPEATS.value)
    if kind == "predict":
        return benchmarks.measure_predict(config, pathlib.Path(_VIDEO.value), _REPEATS.value)
    if kind == "memory":
        return benchmarks.measure_memory(config)
    if kind == "blend":
        picture = pathlib.Path(_PICTURE.value) if _PICTURE.value else None
        return benchmarks.measure_blend(config, _REPEATS.value, picture)
    return benchmarks.measure_steps(kind, config, _REPEATS.value)


def _start() -> None:
    with cli.one_line("standard output"):
        app.run(main, flags_parser=_parse_flags)


if __name__ == "__main__":
    cli.start(_start)
