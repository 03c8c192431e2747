"""Decoding a whole video to learn which of its frames are undamaged, for files with errors.

The decoder's output, in its order, is the video; the file's time stamps are used only for times.
"""

import bisect
import collections
import dataclasses
import fractions
import itertools
import pathlib
import statistics
from collections.abc import Iterator, Sequence, Set

import av

from fdd.video import gaps, opening
from fdd.video.display import Pictures
from fdd.video.info import Condition, VideoInfo, no_frames
from fdd.video.packets import Packet, packets


@dataclasses.dataclass(frozen=True, slots=True)
class _Output:
    """A frame that the decoder put out.

    Attributes:
        packet: Number of the packet that it was coded in.
        stamp: Time stamp in the file.
        coded: Height and width of the coded frame.
        size: Height and width of the upright picture.
    """

    packet: int
    stamp: int | None
    coded: tuple[int, int]
    size: tuple[int, int]


def decoded(
    video: opening.Opened, seen: list[Packet] | None = None
) -> Iterator[tuple[int, av.VideoFrame | None]]:
    """Decodes everything and goes on after errors.

    Args:
        video: The open file.
        seen: Gets what each packet says.

    Yields:
        (number of the packet, frame); None for a packet that cannot be decoded or read.
    """
    video.stream.codec_context.copy_opaque = True
    number = -1
    for number, packet in enumerate(packets(video)):
        if packet is None:
            yield number, None
            return
        if packet.size and seen is not None:
            seen.append(Packet.of(packet))
        # PyAV stores objects by identity, and equal small integers are one object.
        packet.opaque = (number,)
        try:
            frames = packet.decode()
        except (av.FFmpegError, EOFError):
            yield number, None
            continue
        for frame in frames:
            yield (frame.opaque or (number,))[0], frame


def survey(path: str | pathlib.Path) -> VideoInfo:
    """Decodes a whole video and lists the undamaged frames.

    A frame is left out if the decoder reports or conceals an error in it, or if it is predicted
    from such a frame: that is, until the next key frame. Frames that are predicted from frames
    before the beginning of the file are left out as well.

    Args:
        path: A video file or a pipe.

    Returns:
        The usable frames; there may be none if frames are damaged.

    Raises:
        VideoError: the file is missing, is no video, has no frame, or is too large.
    """
    outputs: list[_Output] = []
    errors: set[int] = set()
    seen: list[Packet] = []
    with opening.opened(path) as video:
        stream = video.stream
        pictures = Pictures(float(stream.sample_aspect_ratio or 1), opening.MAX_PIXELS)
        for packet, frame in decoded(video, seen):
            if frame is None or frame.is_corrupt:
                errors.add(packet)
            if frame is not None:
                coded, size = (frame.height, frame.width), pictures.size(frame)
                outputs.append(_Output(packet=packet, stamp=frame.pts, coded=coded, size=size))
        if not seen or (not outputs and not errors):
            raise no_frames(video.ends_early)
        fps, time_base = float(stream.average_rate or 0), video.time_base
        incomplete = video.ends_early or seen[-1].is_corrupt
        notes = video.notes + gaps.remarks(_held(seen), video)
    errors |= {number for number, packet in enumerate(seen) if packet.is_corrupt}
    usable, damaged = _usable(outputs, errors, seen)
    positions = _positions(outputs, seen, errors)
    stamps = _ascending([output.stamp for output in outputs])
    if stamps is None:
        stamps = list(range(len(outputs)))
        time_base = 1 / fractions.Fraction(fps or 25).limit_denominator(1001)
        notes += (f"it holds no time stamps, {fps or 25:.4g} frames per second are assumed",)
    sizes = collections.Counter(outputs[place].size for place in usable)
    size = sizes.most_common(1)[0][0] if usable else None
    coded = next((output.coded for output in outputs if output.size == size), (0, 0))
    if size and len(sizes) > 1:
        notes += (f"its picture changes size and is fitted into {size[1]}×{size[0]} pixels",)
    return VideoInfo(
        stamps=tuple(stamps[place] for place in usable),
        time_base=time_base,
        stamped=False,
        fps=fps,
        height=coded[0],
        width=coded[1],
        places=tuple(usable),
        positions=tuple(positions[place] for place in usable),
        size=size,
        condition=Condition(
            frames=len(usable) + damaged, damaged=damaged, incomplete=incomplete, notes=notes
        ),
    )


def _held(seen: Sequence[Packet]) -> list[int]:
    """The stamps of all frames that the file holds, ascending."""
    return sorted(each.stamp for each in seen if each.is_shown and each.stamp is not None)


def _positions(
    outputs: Sequence[_Output], seen: Sequence[Packet], errors: Set[int]
) -> Sequence[int]:
    """The number of each output among all frames of the file, including frames that are missing.

    The time stamps decide, if each packet has its own stamp and the outputs are in their order;
    otherwise outputs are counted. After an error, a longer time than usual means lost packets.
    """
    shown = [output.stamp for output in outputs]
    coded = {packet.stamp: number for number, packet in enumerate(seen) if packet.is_shown}
    distinct = len(coded) == sum(packet.is_shown for packet in seen)
    if None in coded or not distinct or not set(shown) <= coded.keys():
        return range(len(outputs))
    if any(a >= b for a, b in itertools.pairwise(shown)):
        return range(len(outputs))
    pairs = list(itertools.pairwise(sorted(coded)))
    usual = statistics.median(b - a for a, b in pairs) if pairs else 1
    rank = {min(coded, default=0): 0}
    for before, after in pairs:
        broken = not errors.isdisjoint((coded[before], coded[after]))
        rank[after] = rank[before] + (max(1, round((after - before) / usual)) if broken else 1)
    return [rank[stamp] for stamp in shown]


def _ascending(stamps: Sequence[int | None]) -> list[int] | None:
    """The stamps of frames in presentation order; None if some are missing.

    Stamps in another order are sorted, since many files store them in decoding order. A stamp that
    occurs twice is increased.
    """
    if None in stamps:
        return None
    ascending: list[int] = []
    for stamp in sorted(stamps):
        ascending.append(max(stamp, ascending[-1] + 1) if ascending else stamp)
    return ascending


def _usable(
    outputs: Sequence[_Output], errors: Set[int], seen: Sequence[Packet]
) -> tuple[list[int], int]:
    """Separates undamaged frames from damaged ones.

    Args:
        outputs: In presentation order.
        errors: Numbers of the packets with errors.
        seen: The packets.

    Returns:
        Places of the undamaged frames in `outputs`, and the number of all other frames, including
        those that never came out.
    """
    keys = [number for number, packet in enumerate(seen) if packet.is_key] or [0]
    # The decoder often notices wrong bytes only at the next frame.
    earlier = {number - 1 for number in errors if number not in keys}
    ordered_errors = sorted(errors | earlier)
    place_of = {output.packet: place for place, output in reversed(list(enumerate(outputs)))}

    def is_right(packet: int, key: int) -> bool:
        """Whether there is no error from a key frame to this packet."""
        following = bisect.bisect_left(ordered_errors, key)
        return following == len(ordered_errors) or ordered_errors[following] > packet

    usable, lost = [], 0
    for place, output in enumerate(outputs):
        group = bisect.bisect_right(keys, output.packet) - 1
        good = group >= 0 and is_right(output.packet, keys[group])
        if good and place < place_of.get(keys[group], -1):
            # Shown before the key frame, so it may be predicted from the previous group too.
            good = group > 0 and is_right(keys[group] - 1, keys[group - 1])
        if good:
            usable.append(place)
        else:
            lost += 1
    for number, packet in enumerate(seen):
        group = bisect.bisect_right(keys, number) - 1
        if number in place_of or not packet.is_shown:
            continue
        key = seen[keys[group]].stamp if group >= 0 else None
        leads = None not in (key, packet.stamp) and packet.stamp < key
        if group < 0 or not is_right(number, keys[group]) or leads:
            lost += 1
    return usable, lost
