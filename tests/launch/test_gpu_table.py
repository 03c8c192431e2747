"""The program that measures on a GPU: it goes on, and its rows name what exists."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from fdd import tables
from tests.benchmarks import gpu, gpu_rows
from tests.published import cross_dataset

ROOT = pathlib.Path(__file__).parents[2]


def _row(name, code, **more):
    return gpu_rows.Row(name, f"WORD={name} python -c '{code}'", lambda text, _: text, **more)


def test_what_is_finished_is_not_done_again_and_the_rest_is_told(tmp_path):
    said = 'import os; print(os.environ["WORD"])'
    count = f'open("{tmp_path}/count", "a").write("x")'
    waits = f'import os, time; time.sleep(60 * (not os.path.exists("{tmp_path}/open")))'
    rows = [
        _row("one", f"{said}; {count}"),
        _row("broken", 'import sys; print("it broke", file=sys.stderr); sys.exit(5)'),
        _row("accepted", f"{said}; import sys; sys.exit(3)", accepted=(0, 3)),
        gpu_rows.Row("odd", "python -c ''", lambda *_: {}["no"]),
        _row("long", waits),
        _row("late", said),
    ]
    store = gpu.Store(tmp_path, "card")
    gpu.measure(rows[:4], store, tmp_path, minutes=5)
    gpu.measure(rows[4:], store, tmp_path, minutes=0.01)
    text = "\n".join(gpu.lines(rows, store))
    for name, result in {
        "one": "one",
        "broken": "failed, status 5: it broke",
        "accepted": "accepted",
        "odd": r"its output was not understood \(KeyError\('no'\)\)",
        "long": "stopped after",
        "late": "not begun",
    }.items():
        assert re.search(f"{name} +{result}", text), text
    assert "5: WORD=long python -c" in text
    assert text.endswith("left undone: broken, long, late")

    (tmp_path / "open").touch()
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('\n{"device": "card", "comm')  # The machine went while it was written.
    store = gpu.Store(tmp_path, "card")
    gpu.measure(rows, store, tmp_path, minutes=1)
    assert "\n".join(gpu.lines(rows, store)).endswith("left undone: broken")
    assert (tmp_path / "count").read_text() == "x"
    assert gpu.Store(tmp_path, "another card").get(rows[0]) is None


@pytest.mark.parametrize("size", ["full", "tiny"])
def test_rows_name_programs_settings_and_tests_that_exist(size, tmp_path):
    rows = gpu_rows.table(size, tmp_path, with_torch=True)
    assert len({row.command for row in rows}) == len(rows) == 11
    for row in rows:
        words = row.command.split()
        module = words[words.index("-m") + 1]
        assert importlib.util.find_spec(module), module
        for test in (word for word in words if word.startswith("tests/")):
            file, _, name = test.partition("::")
            assert (ROOT / file).exists() and name in ((ROOT / file).read_text() if name else "")
        for recipe in (word[9:] for word in words if word.startswith("--config=")):
            config = importlib.import_module(f"fdd.configs.{recipe}").get_config()
            cross_dataset.change(config, [word for word in words if word.startswith("--config.")])


def test_without_a_gpu_one_line():
    command = [sys.executable, "-m", "tests.benchmarks.gpu"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 1
    assert done.stderr == "there is no GPU; --size=tiny tries this program without one\n"


def test_ratios_and_rates_are_read_from_the_programs_output(tmp_path):
    rows = {row.name: row for row in gpu_rows.table("full", tmp_path, with_torch=True)}
    printed = tables.aligned(
        [
            ("work", "framework", "median s", "quartiles", "clips/s", "÷ fdd", "GiB"),
            ("train 224²", "fdd", "0.1000", "0.0900 to 0.1100", "320.00", "1.00", "14.2"),
            ("train 224²", "torch", "0.1250", "0.1200 to 0.1300", "256.00", "1.25", "16.0"),
        ],
        names=2,
    )
    shown = rows["train step beside torch.compile"].shown(printed, 1.0)
    assert shown == "1.25 × PyTorch, fdd 320.00 clips/s 14.2 GiB, torch 256.00 clips/s 16.0 GiB"
    found = {"on_data": {"clips_per_second": 100.0, "input_wait": 0.0123}}
    shown = rows["train step on records"].shown(json.dumps(found), 1.0)
    assert shown == "waits for clips 1.2% of the time, 100.0 clips/s"
