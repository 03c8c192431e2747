"""Writing drawn videos as a tree in the layout of FaceForensics++."""

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator

import cv2
import numpy as np
import tqdm

from fdd.data import splits
from fdd.data.own_files import COMPLETE, STARTED
from fdd.demo import drawing, forgeries, identities, motion
from fdd.system import cores, workers
from fdd.video import encode

GENERATOR_VERSION = 2
"""Raise it whenever the same specification would give other files."""

_TIME = 946684800  # 2000-01-01 in UTC, for every file: drawn again, it is the same data set.
_STREAMS = {"identity": 0, "motion": 1, **{name: 2 + i for i, name in enumerate(forgeries.METHODS)}}


@dataclasses.dataclass(frozen=True)
class DemoSpec:
    """Everything that decides the content of a tree.

    Attributes:
        seed: Seed of everything random.
        train_pairs: Pairs of ids from the official training list. A pair makes eight videos: two
            originals, and three forgeries of each.
        val_pairs: The same, from the validation list.
        test_pairs: The same, from the test list.
        num_frames: Frames in a video, a multiple of 10.
        size: Side of a frame in pixels, a multiple of 8.
        fps: Frames per second.
        qp: H.264 quantiser, 0 (lossless) to 51 (coarsest).
        version: Version of the drawing code.

    Raises:
        ValueError: A number is out of its range.
    """

    seed: int = 0
    train_pairs: int = 60
    val_pairs: int = 10
    test_pairs: int = 30
    num_frames: int = 40
    size: int = 192
    fps: int = 25
    qp: int = 20
    version: int = GENERATOR_VERSION

    def __post_init__(self):
        if self.num_frames < 1 or self.num_frames % forgeries.WINDOW:
            raise ValueError(
                f"num_frames must be a multiple of {forgeries.WINDOW}, not {self.num_frames}."
            )
        if self.size < 64 or self.size % 8:
            raise ValueError(f"size must be a multiple of 8 from 64 on, not {self.size}.")
        if not 0 <= self.qp <= 51:
            raise ValueError(f"qp must be from 0 to 51, not {self.qp}.")
        for split, wanted in self._pairs_per_split().items():
            listed = len(splits.official_pairs(split))
            if not 0 <= wanted <= listed:
                raise ValueError(f"{wanted} {split} pairs requested, 0 to {listed} are available.")

    def _pairs_per_split(self) -> dict[str, int]:
        return {"train": self.train_pairs, "validation": self.val_pairs, "test": self.test_pairs}

    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of ids: the first of each official list."""
        wanted = self._pairs_per_split().items()
        return [pair for split, count in wanted for pair in splits.official_pairs(split)[:count]]

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that differ between specifications."""
        canonical = json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def original_path(root: str | os.PathLike[str], video_id: str) -> pathlib.Path:
    """The path of the original of an id."""
    return pathlib.Path(root, "original_sequences/youtube/c23/videos", f"{video_id}.mp4")


def forgery_path(
    root: str | os.PathLike[str], method: str, target: str, source: str
) -> pathlib.Path:
    """The path of the forgery of a target with a source."""
    folder = pathlib.Path(root, "manipulated_sequences", method, "c23/videos")
    return folder / f"{target}_{source}.mp4"


def write_tree(
    spec: DemoSpec, root: str | os.PathLike[str], num_processes: int | None = None
) -> None:
    """Draws and writes all videos of a specification; finished people are not drawn again.

    The files do not depend on the number of processes. An original and its forgeries are files of
    one size, so that the size does not tell them apart. The next call continues an interrupted one:
    `demo.partial.json` marks a tree that is not complete yet, `demo.json` a complete one.

    Args:
        spec: What to write.
        root: The folder to write to, created if missing.
        num_processes: Worker processes; 1 draws in this process, None uses one per core.

    Raises:
        ValueError: The folder holds a tree of another specification, or other videos.
    """
    root = pathlib.Path(root)
    complete, started = root / COMPLETE, root / STARTED
    _check_folder(spec, root)
    if complete.exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    record = {"spec": dataclasses.asdict(spec), "fingerprint": spec.fingerprint()}
    new = root / f".{STARTED}.{os.getpid()}"
    try:
        new.write_text(json.dumps(record, indent=2) + "\n")
        new.replace(started)
    finally:
        new.unlink(missing_ok=True)
    began = time.time()
    targets = [ids for pair in spec.pairs() for ids in (pair, pair[::-1])]
    _write_all(functools.partial(_write_target, spec, root), targets, num_processes)
    for left in root.glob(
        f".*{encode.PARTIAL}"
    ):  # Left by a killed call; it is not part of the tree.
        if left.stat().st_mtime < began:
            shutil.rmtree(left)
    os.utime(started, (_TIME, _TIME))
    os.replace(started, complete)


def _check_folder(spec: DemoSpec, root: pathlib.Path) -> None:
    markers = [root / name for name in (COMPLETE, STARTED) if (root / name).exists()]
    for marker in markers:
        found = _fingerprint_in(marker)
        if found != spec.fingerprint():
            raise ValueError(
                f"{root} holds the demo {found}, not {spec.fingerprint()}: delete it, or name "
                "another folder."
            )
    folders = [root / "original_sequences", root / "manipulated_sequences"]
    if not markers and any(folder.exists() for folder in folders):
        raise ValueError(f"{root} holds videos that are not the demo's: name another folder.")


def _fingerprint_in(marker: pathlib.Path) -> str | None:
    try:
        return json.loads(marker.read_text("utf-8"))["fingerprint"]
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"{marker} is damaged: delete the folder it is in.") from None


def _write_all(write_one, targets: list[tuple[str, str]], num_processes: int | None) -> None:
    num_processes = min(num_processes or cores.usable(), max(1, len(targets)))
    bar = tqdm.tqdm(total=len(targets), desc="drawing", unit="person", smoothing=0.05)
    with bar:
        if num_processes == 1:
            for ids in targets:
                write_one(ids)
                bar.update()
            return
        with workers.pool(num_processes, _start_worker) as pool:
            with workers.shielded():
                jobs = [pool.submit(write_one, ids) for ids in targets]
            for job in concurrent.futures.as_completed(jobs):
                job.result()
                bar.update()


def _start_worker() -> None:
    workers.exit_with_parent()
    cv2.setNumThreads(1)


def _write_target(spec: DemoSpec, root: pathlib.Path, ids: tuple[str, str]) -> None:
    """Writes one original and its forgeries, if any is missing; `ids` are target and source."""
    paths = {"original": original_path(root, ids[0])}
    paths |= {name: forgery_path(root, name, *ids) for name in forgeries.METHODS}
    if all(path.exists() for path in paths.values()):
        return
    with tempfile.TemporaryDirectory(encode.PARTIAL, f".{ids[0]}.", root) as folder:
        written = {name: pathlib.Path(folder, f"{name}.mp4") for name in paths}
        for name, shown in _drawn(spec, ids):
            encode.write_video(written[name], shown, spec.fps, spec.qp)
        encode.pad_to_one_size(written.values())
        for name, path in paths.items():
            os.utime(written[name], (_TIME, _TIME))
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(written[name], path)


def _drawn(spec: DemoSpec, ids: tuple[str, str]) -> Iterator[tuple[str, np.ndarray]]:
    """The frames of an original and of its forgeries, each uint8 [t, size, size, 3]."""
    target_id, source_id = ids
    target = identities.sample_identity(_rng(spec, target_id, "identity"))
    source = identities.sample_identity(_rng(spec, source_id, "identity"))
    moves = motion.sample_motion(_rng(spec, target_id, "motion"), spec.num_frames)
    states = moves.states()
    frames = np.stack([drawing.draw_frame(target, state, spec.size) for state in states])
    masks = np.stack([drawing.inner_face_mask(target, state, spec.size) for state in states])
    yield "original", frames
    for name in forgeries.METHODS:
        rng = _rng(spec, target_id, name)
        if name == forgeries.IDENTITY_SWAP:
            yield name, forgeries.identity_swap(frames, masks, target, source, moves, rng)
        elif name == forgeries.FLICKER:
            yield name, forgeries.flicker(frames, masks, rng)
        else:
            yield name, forgeries.reorder(frames, rng)


def _rng(spec: DemoSpec, video_id: str, stream: str) -> np.random.Generator:
    return np.random.default_rng([spec.seed, int(video_id), _STREAMS[stream]])
