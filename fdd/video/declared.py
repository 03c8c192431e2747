"""How many samples an ISO file (MP4, MOV) declares: FFmpeg reserves memory for each.

A few bytes can declare billions of samples: by one size for all samples (ISO/IEC 14496-12,
8.7.3.2), by a fragment's run without sizes (8.8.8), or by an edit list that repeats them (8.6.6).
"""

import io
import zlib
from collections.abc import Iterator

from fdd.video.errors import VideoError

MAX_SAMPLES = 2**23  # Per track; this is two days of AAC sound.
_MOST_EDITS = 2**24  # Edits times samples.
_MOST_INDEX_BYTES = 2**28
_MOST_BOXES = 10_000
_DEEPEST = 9  # moov, trak, mdia, minf, stbl; and the same in a compressed moov.
_PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"cmov"}


def check(file: io.RawIOBase, num_bytes: int) -> None:
    """Refuses a file that declares more than `MAX_SAMPLES` samples.

    Args:
        file: Open for reading; its position changes. A file that is not an ISO file passes.
        num_bytes: The file's size.

    Raises:
        VideoError: the file declares too many samples.
    """
    fragments = 0
    for kind, place, size in boxes(file, num_bytes):
        if kind not in (b"moov", b"moof"):
            continue
        if size > _MOST_INDEX_BYTES:
            raise VideoError(f"an index of {size} bytes is too large")
        file.seek(place)
        content = file.read(min(size, num_bytes - place)) or b""
        fragments += _runs(content)
        if kind == b"moov":
            _check_index(content)
        if fragments > MAX_SAMPLES:
            raise VideoError(_too_many(fragments))


def boxes(file: io.RawIOBase, num_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields an ISO file's outermost boxes: (kind, position, size); the last may be cut off."""
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16) or b""
        if len(head) < 8:
            return
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        elif size == 0:
            size = num_bytes - place
        if not kind.isalnum() or size < 8:  # Another format, or garbage after the last box.
            return
        yield kind, place, size
        place += size


def _inner(content: bytes, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Yields (kind, content) of all boxes inside a box that contain no other boxes, in order.

    A track is yielded as well, without content, before the boxes inside it.
    """
    start = 0
    while start + 8 <= len(content):
        size, kind = _number(content, start), content[start + 4 : start + 8]
        header = 8
        if size == 1:
            size, header = int.from_bytes(content[start + 8 : start + 16], "big"), 16
        inside = content[start + header : start + size if size else len(content)]
        if kind in _PARENTS and depth < _DEEPEST:
            if kind == b"trak":
                yield kind, b""
            yield from _inner(inside, depth + 1)
        elif kind == b"cmvd" and depth < _DEEPEST:  # A compressed index, of old QuickTime.
            yield from _inner(_unpacked(inside[4:]), depth + 1)
        else:
            yield kind, inside
        if size < header:
            return
        start += size


def _unpacked(content: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(content, _MOST_INDEX_BYTES)
    except zlib.error:
        return b""  # FFmpeg does not read it either.
    if unpacking.unconsumed_tail:
        raise VideoError("its compressed index is too large")
    return plain


def _number(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4], "big")


def _runs(content: bytes) -> int:
    """How many samples the fragment's runs declare."""
    return sum(_number(run, 4) for kind, run in _inner(content) if kind == b"trun")


def _check_index(content: bytes) -> None:
    samples, edits, is_sound = 0, 0, False
    for kind, box in [*_inner(content), (b"trak", b"")]:
        if kind == b"trak":
            # FFmpeg stores uncompressed sound, whose samples have length 1, by the chunk.
            if samples > MAX_SAMPLES and not is_sound:
                raise VideoError(_too_many(samples))
            if samples * edits > _MOST_EDITS and edits > 1:
                raise VideoError(f"an edit list of {edits} entries is too long")
            samples, edits, is_sound = 0, 0, False
        elif kind == b"stsz" or kind == b"stz2":
            samples = _number(box, 8)
        elif kind == b"elst":
            edits = _number(box, 4)
        elif kind == b"stts":
            is_sound = _number(box, 4) == 1 and _number(box, 12) == 1


def _too_many(count: int) -> str:
    return f"an index of {count} frames or samples is too large"
