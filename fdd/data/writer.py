"""Writing records so that their bytes depend only on their contents."""

from collections.abc import Iterable
from typing import Any

from etils import epath
from tensorflow_datasets.core import writer
from tensorflow_datasets.proto import tf_example_pb2


class DeterministicWriter(writer.ExampleWriter):
    """Writes records whose bytes depend only on their contents.

    Protobuf alone may order a record's fields differently in each process.
    """

    def write(self, path: epath.PathLike, examples: Iterable[tuple[Any, bytes]]) -> Any:
        """Writes (key, serialised `tf.train.Example`) pairs, like its base class."""
        return super().write(path, ((key, _sorted_fields(record)) for key, record in examples))


def _sorted_fields(record: bytes) -> bytes:
    example = tf_example_pb2.Example.FromString(record)
    return example.SerializeToString(deterministic=True)
