"""Cutting 720p videos into clips, against the obvious way, in one run.

    python tests/benchmarks/build.py [--targets=2] [--repeats=3] [--processes=2]

Both ways get the same files, the same number of processes and the same detector. The obvious way
reads every frame with OpenCV, looks for the face in every sampled frame of every video, and writes
the crops as PNG files. The videos are drawn: for each target an original and four forgeries, 390
frames of 1280×720, H.264 crf 23, yuv444p, a key frame every 250 frames, as in FaceForensics++ c23.
"""

import argparse
import concurrent.futures
import functools
import multiprocessing
import pathlib
import statistics
import tempfile
import time

import av
import cv2
import numpy as np

from fdd import tables
from fdd.data.catalog import Video, by_scene
from fdd.data.extraction import Workspace
from fdd.demo import drawing, identities, motion
from fdd.video import faces
from fdd.video.preprocessing import Preprocessing

NUM_FRAMES = 390
FRAME_RATE = 25
COMPLETE_SET = 5000  # Videos of c23 with four methods: 1000 originals and 4000 fakes.
SPECS = {
    "uniform1x10": Preprocessing(sampling="uniform"),
    "consecutive4x10": Preprocessing(sampling="consecutive", clips_per_video=4),
    "first1x10": Preprocessing(sampling="first"),
}


def draw_videos(folder: pathlib.Path, targets: int, processes: int) -> list[Video]:
    """Writes five 720p videos per target and lists them."""
    videos = []
    for target in range(targets):
        for method in ("youtube", "A", "B", "C", "D"):
            label = "real" if method == "youtube" else "fake"
            path = folder / f"{target:03d}_{method}.mp4"
            videos.append(
                Video(
                    path=str(path),
                    label=label,
                    method=method,
                    name=path.stem,
                    target=f"{target:03d}",
                    source="",
                    split="train",
                    compression="c23",
                )
            )
    with _pool(processes) as pool:
        list(pool.map(_draw, videos))
    return videos


def _draw(video: Video) -> None:
    draw_video(video.path, int(video.target), NUM_FRAMES)


def draw_video(path: str, seed: int, num_frames: int) -> None:
    """Writes one 720p video."""
    identity = identities.sample_identity(np.random.default_rng(seed))
    states = motion.sample_motion(np.random.default_rng(seed + 1000), num_frames).states()
    rng = np.random.default_rng(seed)
    room = cv2.blur(rng.integers(0, 255, (720, 1280, 3), dtype=np.uint8), (5, 5))
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=FRAME_RATE, options={"crf": "23", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv444p"
        for state in states:
            head = drawing.draw_frame(identity, state, 192)
            frame = room.copy()
            frame[:, 280:1000] = cv2.resize(head, (720, 720), interpolation=cv2.INTER_CUBIC)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode(None))


def obvious_way(video: Video, spec: Preprocessing, folder: pathlib.Path) -> None:
    """Cuts one video as most scripts do."""
    frames = []
    capture = cv2.VideoCapture(video.path)
    while (read := capture.read())[0]:
        frames.append(read[1])
    seconds = [index / capture.get(cv2.CAP_PROP_FPS) for index in range(len(frames))]
    for number, clip in spec.plan(seconds).clips.items():
        for index in clip:
            image = frames[index]
            face = faces.detect_faces(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))[0]
            x0, y0, x1, y1 = face.box
            side = spec.margin * max(x1 - x0, y1 - y0) / 2
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            top, left = max(0, round(y - side)), max(0, round(x - side))
            crop = image[top : round(y + side), left : round(x + side)]
            crop = cv2.resize(crop, (spec.image_size, spec.image_size))
            cv2.imwrite(str(folder / f"{video.name}_{number}_{index}.png"), crop)


def _pool(processes: int) -> concurrent.futures.ProcessPoolExecutor:
    return concurrent.futures.ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))


def time_ours(videos: list[Video], spec: Preprocessing, processes: int) -> float:
    """Seconds for all videos, starting the processes included."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        Workspace(pathlib.Path(folder), spec).run(videos, processes)
        return time.perf_counter() - start


def time_obvious(videos: list[Video], spec: Preprocessing, processes: int) -> float:
    """Likewise, the obvious way."""
    with tempfile.TemporaryDirectory() as folder, _pool(processes) as pool:
        start = time.perf_counter()
        work = functools.partial(obvious_way, spec=spec, folder=pathlib.Path(folder))
        list(pool.map(work, videos))
        return time.perf_counter() - start


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        videos = draw_videos(pathlib.Path(folder), options.targets, options.processes)
        assert len(by_scene(videos)) == options.targets
        rows = [["clips", "fdd", "frames/s", "obvious", "frames/s", "ratio", "all of c23 in"]]
        for name, spec in SPECS.items():
            ours, obvious = [], []
            for _ in range(options.repeats):
                ours.append(time_ours(videos, spec, options.processes))
                obvious.append(time_obvious(videos, spec, options.processes))
            rates = [60 * len(videos) / statistics.median(times) for times in (ours, obvious)]
            # Ours stops reading after the last frame it needs.
            clips = spec.plan([index / FRAME_RATE for index in range(NUM_FRAMES)]).clips
            passed = max(map(max, clips.values())) + 1
            rows.append(
                [
                    name,
                    f"{rates[0]:.0f} videos/min",
                    f"{rates[0] / 60 * passed:.0f}",
                    f"{rates[1]:.0f} videos/min",
                    f"{rates[1] / 60 * NUM_FRAMES:.0f}",
                    f"{rates[0] / rates[1]:.1f}",
                    f"{COMPLETE_SET / rates[0] / 60:.1f} h",
                ]
            )
            spread = [f"{max(times) / min(times) - 1:.0%}" for times in (ours, obvious)]
            print(f"{name}: slowest over fastest run, fdd {spread[0]}, obvious {spread[1]}")
    print(tables.aligned(rows))
    print("The last column is extrapolated to 5000 such videos.")


if __name__ == "__main__":
    main()
