"""Videos that others have cut and stored as folders of pictures: 000.png, 001.png and so on.

A picture's number is the frame's position in the video. The frames' times are not known, so the
numbers are used instead of seconds.
"""

import fractions
import hashlib
import os
import pathlib
import re
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from fdd.video.errors import VideoError
from fdd.video.info import VideoInfo

Path = str | os.PathLike[str]

_PICTURE = re.compile(r"(?P<number>\d{1,9})\.(?:png|jpe?g)", re.IGNORECASE)


def is_picture(name: str) -> bool:
    """Whether a file's name is that of a frame: a number, and .png, .jpg or .jpeg."""
    return _PICTURE.fullmatch(name) is not None


def is_stored(path: Path) -> bool:
    """Whether a path is a folder; if it is a video, then one of stored frames."""
    return os.path.isdir(path)


def _pictures(folder: Path) -> dict[int, pathlib.Path]:
    """The frames' files by their numbers, in numeric order."""
    pictures: dict[int, pathlib.Path] = {}
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise VideoError(f"the folder cannot be read: {error.strerror}") from None
    for name in names:
        if match := _PICTURE.fullmatch(name):
            number, path = int(match["number"]), pathlib.Path(folder, name)
            if (first := pictures.setdefault(number, path)) is not path:
                raise VideoError(f"{first.name} and {name} are the same frame: remove one")
    return dict(sorted(pictures.items()))


def _picture(path: pathlib.Path) -> np.ndarray:
    """A frame: uint8 [height, width, 3], RGB."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise VideoError(f"the frame {path.name} cannot be read")
    return image


def probe(folder: Path) -> VideoInfo:
    """The frames of a video; `stamps` and `positions` are the pictures' numbers.

    Raises:
        VideoError: there is no frame, two have one number, or the first cannot be read.
    """
    pictures = _pictures(folder)
    if not pictures:
        raise VideoError("it is a folder that holds no frames, such as 000.png and 001.png")
    height, width = _picture(next(iter(pictures.values()))).shape[:2]
    numbers = tuple(pictures)
    return VideoInfo(
        stamps=numbers,
        time_base=fractions.Fraction(1),
        stamped=False,
        fps=0.0,
        height=height,
        width=width,
        positions=numbers,
    )


def read_frames(
    folder: Path, info: VideoInfo, indices: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Like `fdd.video.decode.read_frames`.

    Raises:
        VideoError: a frame cannot be read or its size is not that of the first.
    """
    pictures = _pictures(folder)
    for index in sorted(set(indices)):
        path = pictures.get(info.position(index))
        if path is None:
            raise VideoError(f"frame {info.position(index)} is gone")
        image = _picture(path)
        if image.shape[:2] != (info.height, info.width):
            sizes = [f"{image.shape[1]}×{image.shape[0]}", f"{info.width}×{info.height}"]
            raise VideoError(f"the frame {path.name} has {sizes[0]} pixels, the first {sizes[1]}")
        yield index, image


def digest(folder: Path) -> tuple[str, int]:
    """SHA-256 of all frames and their numbers, in hexadecimal digits; and their bytes.

    Raises:
        OSError: a frame cannot be read.
        VideoError: the folder cannot be read, or two frames have one number.
    """
    whole, size = hashlib.sha256(), 0
    for number, path in _pictures(folder).items():
        content = path.read_bytes()
        whole.update(f"{number} {len(content)}\n".encode() + content)
        size += len(content)
    return whole.hexdigest(), size


def version(folder: Path) -> list[list[object]]:
    """Names, sizes and times of the frames; they change when a frame is replaced."""
    stats = ((path.name, path.stat()) for path in _pictures(folder).values())
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
