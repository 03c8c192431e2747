"""From a video file to its clips: decode, choose frames, find the faces, crop, code as JPEG.

Building a data set and classifying a new file both go through `extract_clips`. `Preprocessing`
holds everything that decides what comes out; equal fingerprints mean equal preprocessing.
"""

import operator
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from fdd.video import alignment, crops, decode, masks, sampling, stored
from fdd.video.decode import VideoError, VideoInfo
from fdd.video.extraction import Clip, Extraction, NoFaceError, TooShortError, TooSlowError
from fdd.video.family import Family
from fdd.video.preprocessing import ALIGNED, STORED, Preprocessing
from fdd.video.search import Place, Search, doubts
from fdd.video.search_effort import Effort, scout, scouted

_NOTHING_COMMON = "it has the frames of none of its original's clips"


def extract_clips(
    path: str | pathlib.Path,
    spec: Preprocessing,
    reference: Extraction | None = None,
    mask: str | pathlib.Path = "",
    damage: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]] | None = None,
    family: Family | None = None,
    check: Callable[[VideoInfo], None] | None = None,
) -> Extraction:
    """Cuts a video into clips.

    Args:
        path: Any file that FFmpeg reads; or, with the region 'stored', a folder of frames.
        spec: How clips are cut.
        reference: The extraction of the genuine version of this video. The clips are then cut from
            the same frames, by their positions in the file, whatever their number and times. A
            clip that reaches beyond this video's frames is missing. If the frames have the same
            size, the faces are taken from the reference and are not searched again. So neither
            times nor crops can tell a fake from its original. `Extraction.unshared` says where
            this was not possible.
        mask: A video that is bright where a forgery replaced a face. If there are several people,
            the one it points to becomes the first.
        damage: Changes the decoded frames of a clip before they are cropped. Faces are searched in
            the undamaged frames.
        family: The family of this video. Without a reference, the clips are cut from frames that
            all of the family's videos have.
        check: Called with the frames' times before any face is searched. If it raises, the work
            ends.

    Returns:
        At least one person with at least one clip.

    Raises:
        VideoError: no clip could be made; the message says why. `TooShortError`, `TooSlowError`
            and `NoFaceError` are three kinds of it.
        FamilyChangedError: the video has other frames than the family was placed on.
    """
    _check_kind(path, spec)
    info = decode.probe(path) if family is None else family.info(path)
    try:
        try:
            if check is not None:
                check(info)
            return _extract(path, info, spec, reference, mask, damage, family)
        except decode.MisreadError:
            info = decode.survey(path)  # What can be decoded, whatever the packets say.
            if family is not None:
                family.learn(path, info)
            if check is not None:
                check(info)
            return _extract(path, info, spec, reference, mask, damage, family)
    except VideoError as error:
        error.condition = info.condition
        raise


def _check_kind(path: str | pathlib.Path, spec: Preprocessing) -> None:
    """Checks that the settings fit the kind of video.

    Raises:
        VideoError: a file is to be cut with settings for stored frames, or a folder of stored
            frames with settings for files.
    """
    if stored.is_stored(path) and spec.region != STORED:
        raise VideoError(f"a folder of frames, which only region={STORED} reads")
    if spec.region == STORED and not stored.is_stored(path):
        raise VideoError(
            f"a video file, but region={STORED} reads only folders of frames that others have "
            "cropped and stored"
        )


def _extract(
    path: str | pathlib.Path,
    info: VideoInfo,
    spec: Preprocessing,
    reference: Extraction | None,
    mask: str | pathlib.Path,
    damage: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]] | None,
    family: Family | None,
) -> Extraction:
    plan, unshared, unmasked, mask_lack = None, "", "", ""
    if reference is not None:
        plan = _plan_of(reference, info)
        if not plan.clips:
            plan, reference, unshared = None, None, _NOTHING_COMMON
    plan = plan or (family and family.plan_of(info)) or _plan(info, spec)
    search = _search(Effort(apart=spec.apart), spec)
    people, size = _cut_clips(path, info, plan, spec, reference, search, damage)
    if not people and not any(search.searched.values()):
        frames = [frame for _, frame in decode.read_frames(path, info, scouted(plan.clips))]
        effort = scout(frames, len(plan.clips), spec.image_size / spec.margin, spec.apart)
        if effort is not None:
            search = _search(effort, spec)
            people, size = _cut_clips(path, info, plan, spec, reference, search, damage)
    if search.tracker.perhaps_one(people):
        people = _told_apart(path, info, people, search)
    if not people:
        raise NoFaceError(search.lack(len(plan.clips), *size), search.searched)
    numbers = sorted(people, key=lambda n: -sum(c.face.area for c in people[n] if c.face))
    if mask and len(numbers) > 1:
        try:  # A mask helps, but clips can be cut without it.
            shown = masks.look([people[number] for number in numbers], mask, info, size)
            brightness, mask_lack = dict(zip(numbers, shown.brightness, strict=True)), shown.lack
            numbers.sort(key=lambda number: -brightness[number])
        except VideoError as error:
            unmasked = str(error)
    if reference is not None and spec.finds_faces and size != reference.frame_size:
        sizes = [f"{width}×{height}" for height, width in (size, reference.frame_size)]
        unshared = f"its picture has {sizes[0]} pixels, its original's {sizes[1]}"
    first = {clip.index for clip in people[numbers[0]]}
    missing = {i: search.reason(numbers[0], i) for i in plan.clips if i not in first}
    return Extraction(
        info=info,
        frame_size=size,
        people=tuple(tuple(people[number]) for number in numbers),
        missing=dict(sorted((missing | plan.missing).items())),
        searched=search.searched,
        num_clips=plan.num_clips,
        doubts=tuple(doubts(search, numbers)),
        unshared=unshared,
        unmasked=unmasked,
        mask_lack=mask_lack,
    )


def _search(effort: Effort, spec: Preprocessing) -> Search:
    return Search(effort, aligns=spec.region == ALIGNED, smoothing=spec.smoothing)


def _plan_of(reference: Extraction, info: VideoInfo) -> sampling.Plan:
    """The clips of a reference whose frames a video has."""
    indices, clips, missing = info.indices(), {}, dict(reference.missing)
    for clip in reference.people[0]:
        positions = [reference.info.position(index) for index in clip.frame_indices]
        if indices.keys() >= set(positions):
            clips[clip.index] = tuple(indices[position] for position in positions)
        else:
            missing[clip.index] = "the video lacks frames of this clip of its original"
    return sampling.Plan(clips=clips, missing=missing)


def _plan(info: VideoInfo, spec: Preprocessing) -> sampling.Plan:
    """Chooses the frames of the clips of a video that has no reference.

    Raises:
        TooShortError: the video is too short for a clip.
        TooSlowError: it is long enough, but its frames are too far apart in time.
    """
    seconds = [info.seconds(index) for index in range(info.num_frames)]
    plan = spec.plan(seconds)
    if info.num_frames < spec.num_frames:
        reason = f"{info.num_frames} frames, fewer than a clip's {spec.num_frames}"
        if info.condition.damaged:
            raise decode.DamagedError(f"only {reason}, can be decoded without errors")
        raise TooShortError(reason)
    if not plan.num_clips:
        raise TooShortError(
            f"{info.num_frames} frames in {seconds[-1]:.3g} seconds end before a clip of "
            f"{spec.num_frames} frames {spec.spacing:.3g} seconds apart does"
        )
    if not plan.clips:
        raise TooSlowError(
            f"up to {plan.step:.3g} seconds pass from one frame to the next, and a clip's frames "
            f"are {spec.spacing:.3g} seconds apart: at least {0.95 / spec.spacing:.3g} frames per "
            "second are needed"
        )
    return plan


def _cut_clips(
    path: str | pathlib.Path,
    info: VideoInfo,
    plan: sampling.Plan,
    spec: Preprocessing,
    reference: Extraction | None,
    search: Search,
    damage: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]] | None,
) -> tuple[dict[int, list[Clip]], tuple[int, int]]:
    """The clips of each person, by the person's number, and the frames' height and width."""
    people: dict[int, list[Clip]] = {}
    known = {clip.index: clip for clip in reference.people[0]} if reference else {}
    for index, frames in _frames_of_clips(path, info, plan.clips):
        indices, size = plan.clips[index], frames[0].shape[:2]
        seconds = tuple(info.seconds(i) for i in indices)
        if not spec.finds_faces:
            places = [Place(person=0, face=None)]
        elif reference is not None and size == reference.frame_size:
            places = [Place(person=0, face=known[index].face, landmarks=known[index].points)]
        else:
            places = search.clip(index, frames, indices, seconds)
        shown = frames if damage is None else damage(frames)
        for place in places:
            clip = _cut(index, shown, indices, seconds, place, spec)
            people.setdefault(place.person, []).append(clip)
    return people, size


def _told_apart(
    path: str | pathlib.Path, info: VideoInfo, people: Mapping[int, Sequence[Clip]], search: Search
) -> dict[int, list[Clip]]:
    """The people after a search of more frames between the clips: two may turn out to be one."""
    seconds = [info.seconds(index) for index in range(info.num_frames)]
    between = search.in_between(seconds)
    if not between:
        return dict(people)
    numbers = search.follow_closely(decode.read_frames(path, info, between), seconds)
    joined: dict[int, dict[int, Clip]] = {}
    for number, clips in people.items():
        for clip in clips:
            joined.setdefault(numbers[number], {}).setdefault(clip.index, clip)
    by_index = operator.attrgetter("index")
    return {number: sorted(clips.values(), key=by_index) for number, clips in joined.items()}


def _frames_of_clips(
    path: str | pathlib.Path, info: VideoInfo, wanted: Mapping[int, Sequence[int]]
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Yields each clip's number and frames; a frame is freed after the last clip that needs it."""
    clips = list(wanted.values())
    stream = decode.read_frames(path, info, [index for clip in clips for index in clip])
    held: dict[int, np.ndarray] = {}
    for position, (number, clip) in enumerate(wanted.items()):
        while not held.keys() >= set(clip):
            index, frame = next(stream)
            held[index] = frame
        yield number, [held[index] for index in clip]
        needed = {index for later in clips[position + 1 :] for index in later}
        held = {index: frame for index, frame in held.items() if index in needed}


def _cut(
    index: int,
    frames: Sequence[np.ndarray],
    frame_indices: Sequence[int],
    seconds: tuple[float, ...],
    place: Place,
    spec: Preprocessing,
) -> Clip:
    height, width = frames[0].shape[:2]
    margin, size = spec.margin, spec.image_size
    if spec.region == ALIGNED:
        moves = [alignment.transform(points, margin) for points in place.landmarks]
        sides = [alignment.size_in_frame(points, margin) for points in place.landmarks]
        each = zip(frames, moves, sides, strict=True)
        images = (alignment.aligned(frame, move, side, size) for frame, move, side in each)
        crop = alignment.around(moves)
        pairs = zip(place.landmarks, moves, strict=True)
        marks = tuple(alignment.in_crop(points, move, size) for points, move in pairs)
    else:
        whole = (0.0, 0.0, float(width), float(height))
        crop = whole if place.face is None else crops.square(place.face, margin)
        images = (crops.resized(frame, crop, size) for frame in frames)
        marks = crops.in_crop(place.landmarks, crop, size)
    jpegs = tuple(crops.jpeg(image, spec.jpeg_quality) for image in images)
    return Clip(
        index=index,
        frames=jpegs,
        frame_indices=tuple(frame_indices),
        seconds=seconds,
        face=place.face,
        crop=crop,
        seen=place.seen,
        points=place.landmarks,
        landmarks=marks,
        aligned=spec.region == ALIGNED,
    )
