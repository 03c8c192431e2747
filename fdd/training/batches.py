"""Training batches of a config's data set."""

from collections.abc import Generator
from typing import Any

import ml_collections

from fdd.data import groups, pipeline
from fdd.data.records import Dataset


def of(
    config: ml_collections.ConfigDict,
    dataset: Dataset,
    start_step: int,
    num_steps: int,
    **more: Any,
) -> Generator[pipeline.Batch]:
    """What the steps of a run are given.

    Args:
        config: The run's.
        dataset: The data set.
        start_step: See `fdd.data.pipeline.train_batches`, as are errors.
        num_steps: Likewise.
        more: Likewise: `shard`, `features`.
    """
    return pipeline.train_batches(
        dataset,
        batch_size=config.batch_size,
        start_step=start_step,
        num_steps=num_steps,
        seed=config.seed,
        balanced=config.balanced,
        num_workers=config.num_workers,
        landmarks=config.data.fakes != "recorded",
        together=groups.of_training(dataset, config.data.fakes, config.data.paired),
        **more,
    )
