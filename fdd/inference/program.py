"""A detector as a program and its parameters, in files that need no fdd."""

import contextlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from fdd.errors import UserError
from fdd.evaluation import pooling
from fdd.inference.detector import Detector
from fdd.inference.prediction import UNFAMILIAR
from fdd.models import torch_layout
from fdd.system import whole
from fdd.training import look, steps
from fdd.video.preprocessing import ALIGNED, Preprocessing

PLATFORMS = ("cpu", "cuda")
_SAMPLING = {
    "first": "{t} {apart} from the video's first one on",
    "uniform": "{t} frames spread evenly over the video; {n} interleaving clips per video",
    "consecutive": "{t} {apart}; {n} clips per video, spread evenly from its beginning to its "
    "end (a single one lies in its middle)",
}
_REGION = {
    "full_frame": "the whole frame, whatever its aspect ratio",
    "stored": "the whole picture, as others cropped the face and stored it",
    "face": "a square around one person's face, the same for all frames of a clip, centred on the "
    "union of the boxes that OpenCV's YuNet finds in four of them, evenly spread, its side "
    "{margin:g} times the union's longer side; beyond the video's border the border is repeated",
    "aligned_face": "one person's face, turned, scaled and shifted by the similarity transform of "
    "least squares that takes YuNet's five landmarks to GenD's template with a margin of "
    "{margin:g}, at about the frame's own scale (bilinear, black beyond the border); landmarks are "
    "{found}",
}
_FOUND = {
    "smoothed": "found in frames at most 0.12 seconds apart, interpolated and smoothed in time",
    "per_frame": "found in each frame separately",
}


def export(detector: str | os.PathLike[str], out: pathlib.Path) -> tuple[pathlib.Path, Detector]:
    """Writes a detector as a program and as parameters.

    `out` becomes a serialised `jax.export.Exported` of `answers`, parameters included, for any
    number of clips. The parameters go beside it, named as `fdd.models.torch_layout` says,
    with `metadata` in the file's header. Files of these names are replaced once the new ones are
    whole.

    Args:
        detector: Where it is loaded from, see `fdd.Detector.load`.
        out: The program's file.

    Returns:
        The parameters' file: `out` with the suffix .safetensors; and the detector.

    Raises:
        UserError: there is no detector, or a file cannot be written.
    """
    parameters = out.with_suffix(".safetensors")
    if out == parameters:
        raise UserError(f"--out={out}: that is where the parameters go; choose another suffix")
    if out.is_dir():
        raise UserError(f"--out={out} is a folder: name a file")
    loaded = Detector.load(detector)
    described = metadata(loaded)
    variables = jax.device_get(steps.variables_for_evaluation(loaded.state))
    tensors = safetensors.numpy.save(torch_layout.to_torch(loaded.task.model, variables), described)
    _write({parameters: tensors, out: lower(loaded).serialize()})
    return parameters, loaded


def answers(loaded: Detector) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """Returns the function of clips that a prediction computes.

    It maps uint8 [b, t, h, w, 3] to {'probability': of fake, calibrated, float32 [b]}; and, if
    familiarity is known, 'distance' from the training clips, float32 [b]. It is pure.
    """
    # Taken to the host, the parameters belong to no device and become constants of the function.
    state = jax.device_get(loaded.state)

    def answered(clips: jax.Array) -> dict[str, jax.Array]:
        # The barrier keeps compilers from computing with constants ahead of time, which rounds
        # otherwise than evaluation does: by 0.002 with a bfloat16 ResNet-50.
        parameters = jax.lax.optimization_barrier(state)
        seen = look.clip_look(parameters, {"frames": clips}, task=loaded.task)
        logits = seen["logits"] / loaded.calibration.temperature
        found = {"probability": jax.nn.sigmoid(logits).astype(np.float32)}
        if loaded.familiarity is not None:
            with jax.default_matmul_precision("highest"):
                distances = loaded.familiarity.distances(seen, jnp)
            found["distance"] = distances.astype(np.float32)
        return found

    return answered


def lower(loaded: Detector) -> jax.export.Exported:
    """Returns `answers` as StableHLO for `PLATFORMS` and any number of clips."""
    shape = jax.export.symbolic_shape(", ".join(["b", *map(str, loaded.task.clip_shape)]))
    function = jax.jit(answers(loaded))
    return jax.export.export(function, platforms=PLATFORMS)(jax.ShapeDtypeStruct(shape, np.uint8))


def metadata(loaded: Detector) -> dict[str, str]:
    """What one needs to know to use the parameters or the program; the values are JSON or text.

    Raises:
        UserError: the video path is no longer the one that the run was trained with.
    """
    config = loaded.config.copy_and_resolve_references()
    config.data.data_dir = config.data.manual_dir = ""  # Nobody else's business.
    return {
        "fdd_config": config.to_json(sort_keys=True),
        "function": "clips, uint8 [b, frames, height, width, 3], RGB, to {'probability': that each "
        "is fake, float32 [b]: sigmoid(logit((clips - mean) / std) / temperature); 'distance': "
        "from the training clips, float32 [b], if familiarity is known}",
        "clip_shape": json.dumps(loaded.task.clip_shape),
        "mean": json.dumps(config.model.mean),
        "std": json.dumps(config.model.std),
        "temperature": json.dumps(loaded.calibration.temperature),
        "threshold": json.dumps(loaded.calibration.threshold),
        "fitted": json.dumps(loaded.calibration.fitted),
        "threshold_as_probability": json.dumps(loaded.basis.threshold),
        "video": f"a video's logit is {pooling.WORDS[config.video_score]} and is divided by the "
        "temperature; above threshold (before it) or threshold_as_probability (after it) the video "
        "is called fake",
        **_familiarity(loaded),
        "clips": describe(loaded.training_preprocessing),
        "preprocessing": json.dumps(loaded.training_preprocessing.description()),
        "preprocessing_fingerprint": loaded.fingerprint,
        "checkpoint_step": json.dumps(loaded.step),
        "weights": loaded.basis.weights,
        "jax_version": jax.__version__,
    }


def _familiarity(loaded: Detector) -> dict[str, str]:
    known = loaded.familiarity
    if known is None:
        return {"familiarity": "not known: videos unlike those of training get a probability too"}
    return {
        "familiarity": "a video's distance is the mean over its clips (of one person); above "
        f"familiarity_threshold it is {UNFAMILIAR}, and there is no answer: its probability means "
        "nothing. Its familiarity is the share of familiarity_known, the distances of validation "
        "videos, that are larger. It was made from " + known.source,
        "familiarity_threshold": json.dumps(known.threshold),
        "familiarity_known": json.dumps(known.known.tolist()),
    }


def describe(spec: Preprocessing) -> str:
    """Says in words what clips must be; `fdd.video.clips.extract_clips` makes them so."""
    size = f"{spec.image_size}x{spec.image_size}"
    apart = "consecutive frames"
    if spec.region == "stored":
        apart = "pictures stored one after the other, however far apart in time"
    elif spec.spacing:
        apart = f"frames {spec.spacing:g} seconds apart (those nearest to these times, none twice)"
    numbers = {"t": spec.num_frames, "n": spec.clips_per_video}
    frames = _SAMPLING[spec.sampling].format(**numbers, apart=apart)
    region = _REGION[spec.region].format(margin=spec.margin, found=_FOUND[spec.alignment])
    method = "OpenCV's INTER_AREA where neither side grows, INTER_LINEAR elsewhere"
    if spec.region == ALIGNED:
        method = "Pillow's BICUBIC"
    return (
        f"A clip is {frames}. Of each frame: {region}. It is resized to {size} ({method}), coded "
        f"as JPEG of quality {spec.jpeg_quality} and decoded, RGB."
    )


def _write(contents: Mapping[pathlib.Path, bytes | bytearray]) -> None:
    """Puts files in their places when all of them are whole."""
    with contextlib.ExitStack() as stack:
        for path, content in contents.items():
            stack.enter_context(_named(path))
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(whole.replaced(path)).write_bytes(content)


@contextlib.contextmanager
def _named(path: pathlib.Path) -> Iterator[None]:
    """A context whose errors of the disk name the file."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
