"""Reading the records of a data set: one clip each, in TFDS's ArrayRecord files.

No TensorFlow is needed. `fdd.data.schema` says what a record holds.
"""

import functools
import json
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from fdd import tables
from fdd.data import identity, index, people, places
from fdd.data.schema import LANDMARKS
from fdd.errors import UserError, first_line
from fdd.tables import escaped
from fdd.video import crops

_TFDS_TYPES = "tensorflow_datasets.core.features."


def _refuse_foreign_types(folder: pathlib.Path) -> None:
    """Checks that a data set's schema names only TFDS's own types.

    TFDS would import, and so run, any module that the schema names.

    Raises:
        ValueError: it names another type, or is not JSON.
        OSError: it cannot be read.
    """
    parts = [json.loads((folder / "features.json").read_bytes())]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            for key in ("pythonClassName", "python_class_name", "type"):
                name = part.get(key)
                if isinstance(name, str) and not name.startswith(_TFDS_TYPES):
                    raise ValueError(f"features.json names {name}, which is no type of TFDS")
        parts += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


class Dataset:
    """A built data set; the code that built it is not needed to read it.

    Attributes:
        folder: Where it is.
        builder: Name of the builder that built it.
        preprocessing: `Preprocessing.description` at the time of the build.
        fingerprint: `Preprocessing.fingerprint` at the time of the build.
        identity: What it was built from; None if the version that built it stored none.
    """

    def __init__(self, folder: str | pathlib.Path):
        """Opens the data set in `folder`, or the only one in the folders below or above it.

        Raises:
            UserError: there is none or more than one, it cannot be read, or it was not built by
                this project.
        """
        self.folder = places.find_dataset(pathlib.Path(folder))
        if not tables.is_utf8(self.folder):
            raise UserError(
                f"the data set in {escaped(str(self.folder))} cannot be read under this name, "
                "which is no UTF-8 here: set PYTHONUTF8=1, or move it to a name of ASCII"
            )
        try:
            _refuse_foreign_types(self.folder)
            self._builder = tfds.builder_from_directory(self.folder)
            metadata = dict(self._builder.info.metadata or {})
        except Exception as error:  # TFDS, protobuf and json raise different errors.
            raise UserError(
                f"the data set in {escaped(str(self.folder))} cannot be read "
                f"({escaped(first_line(error))}): delete it and build it again"
            ) from None
        if "fingerprint" not in metadata:
            raise UserError(f"{folder} holds a data set that was not built by fdd")
        self.builder: str = self._builder.name
        self.preprocessing: dict[str, Any] = metadata["preprocessing"]
        self.fingerprint: str = metadata["fingerprint"]
        self.identity = identity.read(self.folder)
        self._metadata: dict[str, list[dict[str, Any]]] = {}

    @property
    def name(self) -> str:
        """Builder, config and version, such as 'folder/face-uniform1x10-224px/1.0.0'."""
        return self._builder.info.full_name

    @functools.cached_property
    def key(self) -> str:
        """Eight hexadecimal digits that identify it; see `fdd.data.identity`."""
        return self.identity.key if self.identity else identity.stand_in(self.folder)

    @property
    def splits(self) -> dict[str, int]:
        """Number of clips in each split that is not empty."""
        return {name: info.num_examples for name, info in self._builder.info.splits.items()}

    @property
    def has_landmarks(self) -> bool:
        """Whether its records hold landmarks (`fdd.video.landmarks`)."""
        return LANDMARKS in self._builder.info.features

    def require_landmarks(self) -> None:
        """Checks that its records hold landmarks.

        Raises:
            UserError: they do not; the message says how to get a data set whose records do.
        """
        if self.has_landmarks:
            return
        folder = escaped(str(self.folder))
        if self.preprocessing["detector"] is None:
            raise UserError(
                f"{folder} has no landmarks, since its clips are of region="
                f"{self.preprocessing['region']}, for which no face is searched: take "
                "--config.data.region=face"
            )
        videos = self.identity.manual_dir if self.identity else "DIR"
        raise UserError(
            f"{folder} was built before records had landmarks; to build it again: rm -r "
            f"{escaped(shlex.quote(str(self.folder)))}, then this command with "
            f"--config.data.manual_dir={escaped(shlex.quote(videos))}"
        )

    def source(self, split: str) -> "Records":
        """The records of a split, frames decoded: uint8 [height, width, 3], RGB.

        Raises:
            UserError: the data set has no such split, or is in another format than ArrayRecord.
        """
        if split not in self.splits:
            raise UserError(f"{self.folder} has no split '{split}', only {', '.join(self.splits)}")
        try:
            raw = self._builder.as_data_source(
                split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
            )
        except NotImplementedError:
            raise UserError(
                f"{self.folder} is not in ArrayRecord files: build it with "
                "--file_format=array_record"
            ) from None
        return Records(f"{self.folder}, split '{split}'", raw, self._builder.info.features)

    def metadata(self, split: str) -> list[dict[str, Any]]:
        """All fields of all records of a split except the frames and the landmarks.

        `target_person` and `source_person` are added (`fdd.data.people`). The fields are read once,
        from the split's index (`fdd.data.index`) if there is one, and kept.

        Raises:
            UserError: see `source`; or a record cannot be read.
        """
        if split not in self._metadata:
            rows = self._fields(split)
            for row in rows:
                for role in ("target", "source"):
                    row[f"{role}_person"] = people.person(self.builder, row[role])
            self._metadata[split] = rows
        return self._metadata[split]

    def write_indices(self) -> None:
        """Writes the index of each split (`fdd.data.index`) that has none; errors as `metadata`."""
        for split in self.splits:
            self._fields(split)

    def _fields(self, split: str) -> list[dict[str, Any]]:
        """The fields of a split's records, from its index, which is written if missing."""
        records = self.source(split)
        rows = index.read(self.folder, split)
        if rows is None or len(rows) != len(records):
            rows = [records.fields(number) for number in range(len(records))]
            index.write(self.folder, split, rows)
        return rows


class Records(Sequence[dict[str, Any]]):
    """Random access to records by number; a record is a dict of fields. Made by `Dataset.source`.

    Reading a damaged record raises a `UserError` that names it.
    """

    def __init__(self, place: str, raw: Sequence[bytes], schema: tfds.features.FeaturesDict):
        self._place, self._raw, self._schema = place, raw, schema
        self._fields = tfds.features.FeaturesDict(
            {name: kind for name, kind in schema.items() if name not in ("frames", LANDMARKS)}
        )

    def __len__(self) -> int:
        return len(self._raw)

    def __getitem__(self, index: int) -> dict[str, Any]:
        frames, marks = np.empty(self.clip_shape, np.uint8), {}
        if LANDMARKS in self._schema:
            marks[LANDMARKS] = np.empty(self._schema[LANDMARKS].shape, np.float32)
        self.clip(index, frames, marks.get(LANDMARKS))
        return {**self.fields(index), **marks, "frames": frames}

    def fields(self, index: int) -> dict[str, Any]:
        """A record without its frames and landmarks."""
        try:
            row = self._fields.deserialize_example_np(self._raw[index])
        except Exception as error:  # TFDS, protobuf and ArrayRecord raise different errors.
            raise self._damaged(f"record {index}", error) from None
        return {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in row.items()
        }

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """(frames, height, width, 3)."""
        return self._schema["frames"].shape

    def clip(self, index: int, out: np.ndarray, marks: np.ndarray | None = None) -> int:
        """Reads a record's frames into `out`, and its label: what training needs.

        The result is that of TFDS, without its work for the other fields.

        Args:
            index: The record's number.
            out: uint8 of shape `clip_shape`, RGB; overwritten.
            marks: float32 [t, 5, 2], overwritten with the landmarks; the data set must have them.

        Returns:
            The label.
        """
        stored = self._stored(index)
        try:
            crops.decode_jpegs(stored["frames"].bytes_list.value, out)
            if marks is not None:
                marks[:] = np.reshape(stored[LANDMARKS].float_list.value, marks.shape)
            return stored["label"].int64_list.value[0]
        except ValueError as error:
            row = self.fields(index)
            name = f"clip {row['clip_index']} of {row['video_id']}"
            raise self._damaged(f"{name} (record {index})", error) from None

    def jpegs(self, index: int) -> tuple[Sequence[bytes], int]:
        """A record's frames as stored JPEG images, and its label."""
        stored = self._stored(index)
        return stored["frames"].bytes_list.value, stored["label"].int64_list.value[0]

    def _stored(self, index: int) -> Mapping[str, Any]:
        try:
            return tf_example_pb2.Example.FromString(self._raw[index]).features.feature
        except Exception as error:  # protobuf and ArrayRecord raise different errors.
            raise self._damaged(f"record {index}", error) from None

    def _damaged(self, what: str, error: Exception) -> UserError:
        return UserError(
            f"{self._place}: {what} cannot be read ({first_line(error)}): delete the data set and "
            "build it again"
        )
