"""Compares the real published weights with their published figures; run it once, with internet.

    python -m tests.published.run [--detector=hf://yermandy/GenD_CLIP_L_14] [--celeb_df=DIR]

fetches the weights (1.2 GB), checks their hashes, predicts two images that the authors name, one of
them fake, and, if DIR holds Celeb-DF v2, evaluates its test split. It prints a table beside the
published figures, and ends with status 1 if an image is judged wrongly or an AUC is more than 0.03
lower. Nobody has run it yet; whoever does may put its table into fdd/inference/README.md.
"""

import argparse
import io
import pathlib
import sys
import tempfile
import urllib.request
from collections.abc import Mapping

import numpy as np
import scipy.special
from PIL import Image

import fdd
from fdd import tables
from fdd.inference.detector import Detector
from fdd.models.weights import hub
from fdd.report import evaluations
from fdd.runs import prepare
from fdd.system import hashes

_REPOSITORY = "https://raw.githubusercontent.com/yermandy/deepfake-detection/main/datasets/FF"
IMAGES = {
    f"{_REPOSITORY}/real/000/000.png": "real",
    f"{_REPOSITORY}/DF/000_003/000.png": "fake",
}
"""Aligned faces that the authors' README takes as its example, and what they are."""
CELEB_DF = {"hf://yermandy/GenD_CLIP_L_14": 0.96}
"""Reported AUC per video on Celeb-DF v2 (arXiv 2508.06248), rounded."""
_LOWER = 0.03

Row = tuple[str, str, str, bool]
"""What was looked at, what was published, what was found, and whether they agree."""


def weights(name: str) -> list[Row]:
    """The hashes of the files, which the hub states and `fdd.models.weights.hub` has compared."""
    rows = []
    for file in ("config.json", "model.safetensors"):
        found = hub.fetched(name, file)
        stated = found.resolve().name
        rows.append((f"{file}, {hub.megabytes(found.stat().st_size)}", stated[:12], "", True))
        if len(stated) == 64:
            digest = hashes.sha256(found)
            rows[-1] = (rows[-1][0], stated[:12], digest[:12], digest == stated)
    return rows


def images(detector: Detector, urls: Mapping[str, str]) -> list[Row]:
    """The probability of each image, and whether it is on its side of one half."""
    size, rows = detector.config.data.image_size, []
    for url, kind in urls.items():
        with urllib.request.urlopen(url) as response:
            image = Image.open(io.BytesIO(response.read())).convert("RGB")
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
        count = detector.devices.mesh.size
        frames = np.repeat(pixels[None, None], count, axis=0)
        logit = float(np.asarray(detector.eval_step(detector.state, {"frames": frames}))[0])
        chance = f"probability of fake {scipy.special.expit(logit):.4f}"
        rows.append((url.rpartition("FF/")[2], kind, chance, (logit > 0) == (kind == "fake")))
    return rows


def celeb_df(name: str, folder: pathlib.Path) -> list[Row]:
    """AUC per video on Celeb-DF v2's test split, which is cut into clips first."""
    config = Detector.load(name).config
    config.data.builder, config.data.manual_dir = "celeb_df", str(folder)
    dataset = prepare.open_dataset(config.data)
    with tempfile.TemporaryDirectory() as out:
        (found,) = evaluations.evaluate(name, [dataset.folder], out=pathlib.Path(out)).values()
    area, reported = found["video"]["auc"], CELEB_DF.get(name)
    good = reported is None or area >= reported - _LOWER
    published = "not known" if reported is None else f"AUC {reported:.2f}"
    return [("Celeb-DF v2, test, per video", published, f"AUC {area:.4f}", good)]


def main() -> None:
    """Runs the checks and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", default="hf://yermandy/GenD_CLIP_L_14", help="on the hub")
    parser.add_argument("--celeb_df", type=pathlib.Path, help="folder of Celeb-DF v2")
    options = parser.parse_args()
    detector = fdd.Detector.load(options.detector)
    rows = [*weights(options.detector), *images(detector, IMAGES)]
    if options.celeb_df:
        rows += celeb_df(options.detector, options.celeb_df)
    lines = [[*map(str, row[:3]), "agrees" if row[3] else "DIFFERS"] for row in rows]
    print(tables.aligned([["what", "published", "found", ""], *lines]))
    sys.exit(not all(row[3] for row in rows))


if __name__ == "__main__":
    main()
