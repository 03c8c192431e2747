"""Cutting many videos into clips on a cluster, as an Apache Beam transform.

Needs the extra `tfds`.
"""

from collections.abc import Sequence

import apache_beam as beam

from fdd.data import extraction, schema
from fdd.data.catalog import Video, families
from fdd.video.preprocessing import Preprocessing


@beam.ptransform_fn
def extract(
    pipeline: beam.Pipeline,
    videos: Sequence[Video],
    spec: Preprocessing,
    outcomes: str,
    held: Sequence[Video] = (),
) -> beam.PCollection:
    """Cuts videos into clips.

    Args:
        pipeline: The pipeline (given by Beam).
        videos: The videos; their paths must be readable on every worker.
        spec: How clips are cut.
        outcomes: Prefix of the names of text files to write, with a line for each video that
            `fdd.data.coverage.Outcome.from_json` reads.
        held: See `fdd.data.extraction.Workspace`.

    Returns:
        (key, record) for each clip.
    """
    results = (
        pipeline
        | beam.Create(families(videos, held))
        | beam.Reshuffle()
        | beam.FlatMap(_extract_group, spec)
    )
    lines = results | "Outcomes" >> beam.Map(lambda result: result.outcome.to_json())
    _ = lines | beam.io.WriteToText(outcomes)
    return results | "Records" >> beam.FlatMap(schema.examples)


def _extract_group(
    group: tuple[Sequence[Video], Sequence[Video]], spec: Preprocessing
) -> list[extraction.Result]:
    videos, family = group
    return extraction.extract_group(videos, spec, family)
