"""Which frames of a video make its clips."""

import numpy as np

SAMPLINGS = ("first", "uniform", "consecutive")


def clip_frame_indices(
    num_video_frames: int, num_frames: int, sampling: str, clips_per_video: int
) -> list[list[int]]:
    """Chooses the frames of each clip of a video.

    Args:
        num_video_frames: Number of frames the video has.
        num_frames: Number of frames in a clip.
        sampling: 'first': the first frames, consecutive, one clip. 'uniform': each clip is spread
            over the whole video; several clips interleave. 'consecutive': each clip is a run of
            consecutive frames; the runs are spread evenly from the video's beginning to its end.
        clips_per_video: Number of clips; a video too short for so many gives as many as are
            distinct.

    Returns:
        One ascending list of `num_frames` distinct frame indices per clip; no clip at all when
        the video has fewer than `num_frames` frames.

    Raises:
        ValueError: the sampling has another name, or a count is not positive.
    """
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling must be one of {', '.join(SAMPLINGS)}, not '{sampling}'")
    if num_frames < 1 or clips_per_video < 1:
        raise ValueError("num_frames and clips_per_video must be at least 1")
    if num_video_frames < num_frames:
        return []
    if sampling == "first":
        return [list(range(num_frames))]
    if sampling == "consecutive":
        starts = np.linspace(0, num_video_frames - num_frames, clips_per_video)
        if clips_per_video == 1:
            starts = np.array([(num_video_frames - num_frames) / 2])
        unique_starts = sorted({int(start) for start in np.floor(starts + 0.5)})
        return [list(range(start, start + num_frames)) for start in unique_starts]
    count = min(clips_per_video, num_video_frames // num_frames)
    centers = (np.arange(num_frames * count) + 0.5) * num_video_frames / (num_frames * count)
    grid = np.floor(centers).astype(int).reshape(num_frames, count)
    return grid.T.tolist()
