"""Writing records so that a data set's bytes depend on its contents alone."""

from collections.abc import Iterable
from typing import Any

from etils import epath
from tensorflow_datasets.core import writer
from tensorflow_datasets.proto import tf_example_pb2


class DeterministicWriter(writer.ExampleWriter):
    """Writes records whose bytes depend on their contents alone.

    Protobuf by itself puts a record's fields in an order that differs from process to process.
    """

    def write(self, path: epath.PathLike, examples: Iterable[tuple[Any, bytes]]) -> Any:
        """Writes (key, serialised `tf.train.Example`) pairs, as the class it derives from."""
        return super().write(path, ((key, _sorted_fields(record)) for key, record in examples))


def _sorted_fields(record: bytes) -> bytes:
    example = tf_example_pb2.Example.FromString(record)
    return example.SerializeToString(deterministic=True)
