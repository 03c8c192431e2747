"""Trains on one data set with recorded, self-blended and both kinds of fakes; evaluates on all.

    tests/published/cross_dataset.sh --train=faceforensics=DIR --test=celeb_df=DIR \
        --test=folder=DIR --out=DIR [--seeds=0,1,2] [--config.KEY=VALUE …]

BUILDER=DIR is a folder of videos and who builds clips from it: faceforensics, celeb_df, dfdc or
folder; see tfds_builders/README.md. What was done is not done again, so the same command goes on
after a stop. Each run takes as long as its recipe: hours on a GPU, days without one.

Prints AUC per video, of each seed with its 95 % interval, by data set and method of forgery, and
writes the same to cross_dataset.json in --out. Checkpoints are chosen on validation of the training
data set.
"""

import argparse
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ml_collections

from fdd import report, tables, train
from fdd.cli import one_line
from fdd.configs import resnet_lstm_self_blended
from fdd.data.groups import FAKES
from fdd.errors import UserError
from fdd.report import evaluations
from fdd.runs import prepare, workdir

Rows = dict[str, dict[str, dict[str, Any]]]


def config_of(
    source: str, fakes: str, seed: int, changes: Sequence[str]
) -> ml_collections.ConfigDict:
    """The recipe with one kind of fakes, for the videos that BUILDER=DIR names.

    Raises:
        UserError: a change is not --config.KEY=VALUE of a known key, or `source` has no '='.
    """
    config = resnet_lstm_self_blended.get_config()
    builder, equals, folder = source.partition("=")
    if not equals:
        raise UserError(f"'{source}' is not BUILDER=DIR, for example celeb_df=DIR")
    config.data.builder, config.data.manual_dir = builder, folder
    config.data.fakes, config.seed = fakes, seed
    change(config, changes)
    return config


def change(config: ml_collections.ConfigDict, changes: Sequence[str]) -> None:
    """Changes a config as the command line would.

    Raises:
        UserError: a change is not --config.KEY=VALUE of a known key.
    """
    config.lock()  # So that a mistyped key is refused.
    for each in changes:
        key, _, text = each.removeprefix("--config.").partition("=")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        try:
            config.update_from_flattened_dict({key: value})
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"'{each}' is no change of the config ({error})") from None


def measure(
    source: str, tests: Sequence[str], out: pathlib.Path, seeds: Sequence[int], changes: list[str]
) -> Rows:
    """Trains and evaluates what is missing.

    Args:
        source: BUILDER=DIR of the data set to train on.
        tests: The same of those to evaluate on, beside its own test split.
        out: For the runs.
        seeds: Of each kind of fakes.
        changes: --config.KEY=VALUE for all.

    Returns:
        By kind of fakes and seed, 'self_blended, seed 0', and by data set: the content of
        metrics.json (`fdd.evaluation.summary.evaluate_scores`).

    Raises:
        UserError: as `fdd.train.train_and_evaluate`.
    """
    held = [prepare.open_dataset(config_of(each, FAKES[0], 0, changes).data) for each in tests]
    rows: Rows = {}
    for fakes in FAKES:
        for seed in seeds:
            config = config_of(source, fakes, seed, changes)
            folder = out / f"{fakes}-{seed}"
            train.train_and_evaluate(config, folder)
            found = {source.partition("=")[0]: report.metrics(folder / workdir.REPORT_DIR)}
            for dataset, name in zip(held, tests, strict=True):
                summaries = evaluations.evaluate(folder, [dataset.folder])
                found[name.partition("=")[0]] = next(iter(summaries.values()))
            rows[f"{fakes}, seed {seed}"] = found
    return rows


def lines(rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[list[str]]:
    """The rows of the table: fakes and seed, data set, method, AUC per video and its interval."""
    yield ["fakes of training", "data set", "method", "AUC per video", "95 % interval"]
    for name, found in rows.items():
        for dataset, summary in found.items():
            methods = {"all": summary["video"], **summary["per_method"]}
            for method, values in methods.items():
                limits = values["intervals"]["auc"]
                interval = f"{limits[0]:.3f} to {limits[1]:.3f}" if limits else "not given"
                area = "n/a" if values["auc"] is None else f"{values['auc']:.3f}"
                yield [name, dataset, method, area, interval]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True, metavar="BUILDER=DIR")
    parser.add_argument("--test", action="append", default=[], metavar="BUILDER=DIR")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--seeds", default="0,1,2")
    options, changes = parser.parse_known_args()
    if wrong := [each for each in changes if not each.startswith("--config.")]:
        parser.error(f"unknown: {' '.join(wrong)}")
    with one_line(options.out):
        seeds = [int(seed) for seed in options.seeds.split(",")]
        rows = measure(options.train, options.test, options.out, seeds, changes)
        (options.out / "cross_dataset.json").write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
        print(tables.aligned(lines(rows)))


if __name__ == "__main__":
    main()
