"""The layouts in which people store data sets: their names and their trees."""

import dataclasses
from collections.abc import Iterable, Sequence

AUTO = "auto"


@dataclasses.dataclass(frozen=True)
class Layout:
    """A way in which a data set is stored.

    Attributes:
        key: Its name in `config.data.layout`.
        name: Its name for people.
        paths: The paths that are looked for.
    """

    key: str
    name: str
    paths: tuple[str, ...]


OFFICIAL = Layout(
    key="official",
    name="FaceForensics++ as its authors' script writes it",
    paths=(
        "original_sequences/youtube/<compression>/videos/000.mp4",
        "manipulated_sequences/<method>/<compression>/videos/000_003.mp4",
    ),
)
KAGGLE_C23 = Layout(
    key="kaggle_c23",
    name="Kaggle's FaceForensics++_C23",
    paths=("original/000.mp4", "<method>/000_003.mp4"),
)
DEEPFAKEBENCH = Layout(
    key="deepfakebench",
    name="DeepfakeBench's tree of frames",
    paths=(
        "original_sequences/youtube/<compression>/frames/000/000.png",
        "manipulated_sequences/<method>/<compression>/frames/000_003/000.png",
    ),
)
DEEP_FAKE_DETECTION = Layout(
    key="deepfakedetection",
    name="DeepFakeDetection, which others call FF++",
    paths=("real/01__exit_room.mp4", "fake/01_02__exit_room__XXXXXXXX.mp4"),
)
FACE_FORENSICS = (OFFICIAL, KAGGLE_C23, DEEPFAKEBENCH, DEEP_FAKE_DETECTION)

CELEB_DF = Layout(
    key="celeb_df",
    name="Celeb-DF",
    paths=("Celeb-real/id0_0000.mp4", "YouTube-real/00000.mp4", "Celeb-synthesis/id0_id1_0000.mp4"),
)
CELEB_DF_PLUS = Layout(
    key="celeb_df_plus",
    name="Celeb-DF++",
    paths=("Celeb-synthesis/FaceSwap|FaceReenact|TalkingFace/<method>/id0_id1_0000.mp4",),
)

DFDC = Layout(
    key="dfdc",
    name="DFDC",
    paths=("dfdc_train_part_0/metadata.json with its videos beside it", "test/labels.csv likewise"),
)
DFDC_PREVIEW = Layout(
    key="dfdc_preview",
    name="the preview of DFDC",
    paths=("dataset.json with method_A, method_B and original_videos beside it",),
)

PLAIN = Layout(
    key="plain",
    name="real/ and fake/ without splits",
    paths=("real/*.mp4 and fake/*.mp4 or fake/<method>/*.mp4",),
)
OWN_SPLITS = Layout(
    key="splits",
    name="real/ and fake/ in folders of splits",
    paths=("train|validation|test/real/*.mp4 and train|validation|test/fake/*.mp4",),
)
FFIW = Layout(
    key="ffiw",
    name="FFIW-10K (source/ is real, target/ is fake)",
    paths=("source/train|val/*.mp4 and target/train|val/*.mp4",),
)
FOLDER = (PLAIN, OWN_SPLITS, FFIW)


def looked_for(layouts: Iterable[Layout]) -> str:
    """The paths that were looked for, in one line."""
    return "; or ".join(f"{', '.join(each.paths)} ({each.name})" for each in layouts)


def named(layouts: Sequence[Layout]) -> str:
    """The layouts' names, in one line."""
    return " and ".join(each.name for each in layouts)
