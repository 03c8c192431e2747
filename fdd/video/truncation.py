"""Whether a file is shorter than it declares: a download or a copy was interrupted.

Only the sizes in a container's outermost structure are read: those of the boxes of ISO files
(ISO/IEC 14496-12, 4.2), of the segment of Matroska (RFC 9559), of the RIFF chunk of AVI, and the
file properties of ASF. Streams without a declared size (MPEG, raw) cannot end early.
"""

import io

from fdd.video import declared

_ISO_TYPES = {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot"}
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def ends_early(file: io.RawIOBase, num_bytes: int) -> bool:
    """Whether a file declares more bytes than it has, or lacks its index.

    Args:
        file: Open for reading; its position changes.
        num_bytes: The file's size.
    """
    start = _read(file, 0, 4096)
    if start[4:8] in _ISO_TYPES:
        return _iso_ends_early(file, num_bytes)
    if start.startswith(_EBML):
        return _matroska_ends_early(start, num_bytes)
    if start.startswith(b"RIFF") and start[8:12] == b"AVI ":
        return 8 + int.from_bytes(start[4:8], "little") > num_bytes + 1  # One byte of padding.
    if start.startswith(_ASF):
        place = start.find(_ASF_PROPERTIES)
        declared = int.from_bytes(start[place + 40 : place + 48], "little")
        is_live = bool(int.from_bytes(start[place + 88 : place + 92], "little") & 1)
        return place > 0 and not is_live and declared > num_bytes
    return False


def _read(file: io.RawIOBase, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count) or b""


def _iso_ends_early(file: io.RawIOBase, num_bytes: int) -> bool:
    kinds = set()
    for kind, place, size in declared.boxes(file, num_bytes):
        kinds.add(kind)
        if place + size > num_bytes:
            return True
    return not kinds & {b"moov", b"moof"} and b"mdat" in kinds


def _matroska_ends_early(start: bytes, num_bytes: int) -> bool:
    place = start.find(_SEGMENT)
    if place < 0 or place + 5 > len(start) or not start[place + 4]:
        return False
    length = 9 - start[place + 4].bit_length()  # The length of the size field in bytes.
    field = start[place + 4 : place + 4 + length]
    ones = (1 << 7 * length) - 1
    size = int.from_bytes(field, "big") & ones
    return size != ones and place + 4 + length + size > num_bytes
