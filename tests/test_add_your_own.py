"""The page "Add your own …", as it stands."""

import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
SMALL = {
    "data.image_size": 32,
    "data.clips_per_video": 1,
    "model.depth": 2,
    "batch_size": 2,
    "num_steps": 2,
    "log_every_steps": 1,
    "freeze": "block0",
}


def test_what_the_page_shows_trains_and_answers(tree, tmp_path):
    page = (ROOT / "configs/add_your_own.md").read_text("utf-8")
    *parts, config = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "my_parts.py").write_text("\n".join(parts))
    (tmp_path / "my_config.py").write_text(config)
    kinds = {"genuine": "original_sequences/youtube", "forged": "manipulated_sequences/DemoFlicker"}
    for kind, folder in kinds.items():
        (tmp_path / "interviews" / kind).mkdir(parents=True)
        videos = sorted((tree / folder / "c23/videos").glob("*.mp4"))
        for person, video in zip(("anna", "ben", "carla", "dora"), videos, strict=False):
            shutil.copy(video, tmp_path / "interviews" / kind / f"{person}_1.mp4")

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=tmp_path, capture_output=True, text=True
        )

    changes = [f"--config.{key}={value}" for key, value in SMALL.items()]
    trained = run("fdd.main", "--config=my_config.py", *changes)
    assert trained.returncode == 0, trained.stderr
    video = "interviews/forged/ben_1.mp4"
    refused = run("fdd.predict", "--workdir=runs/my_config", video)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "add --import=my_parts to the command" in refused.stderr
    answered = run("fdd.predict", "--workdir=runs/my_config", "--import=my_parts", video)
    assert answered.returncode == 0, answered.stderr
    assert "fake" in answered.stdout
