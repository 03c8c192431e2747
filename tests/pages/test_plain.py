"""Foreign names in pictures and pages: nothing in them is read as markup, and nothing is lost."""

import dataclasses
import html.parser
import pathlib
import warnings

import cv2
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure

from fdd import report
from fdd.data.records import Dataset
from fdd.evaluation.scores import score
from fdd.inference.detector import Detector
from fdd.pages import drawing
from fdd.pages.html import self_contained
from fdd.pages.plain import in_markdown, short, visible
from fdd.report import figures
from fdd.report.errors import Strip

HOSTILE = (
    "$\\frac{/", "$x$", "_hidden", "| a | b", "<img src=x onerror=alert(1)>", "a\nb\tc",
    "\x1b[31mred", "日本語 😀", "\u202egpj.exe", "**bold**", "`code`", "1. one",
    "[link](https://example.org)", "not utf-8 \udcff", "![x](roc.png)", "&lt;b&gt;",
    "# heading", "\\| \\", "x" * 300,
)  # fmt: skip


def pixels(path: pathlib.Path) -> np.ndarray:
    return cv2.imread(str(path))


class _Reader(html.parser.HTMLParser):
    """The tags of a page, and the text of its table cells."""

    def __init__(self):
        super().__init__()
        self.tags, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_survives_in_a_table_as_text(name: str, tmp_path: pathlib.Path):
    table = f"# {in_markdown(name)}\n\n| name | x |\n| --- | --- |\n| {in_markdown(name)} | 1 |"
    reader = _Reader()
    reader.feed(self_contained(table, tmp_path, name).partition("<body>")[2])
    assert set(reader.tags) == {"h1", "table", "thead", "tbody", "tr", "th", "td"}
    assert reader.cells[2].strip() == visible(name).strip()
    assert len(reader.cells) == 4


def test_what_is_harmless_stays_legible_in_the_source():
    assert in_markdown("Face2Face my_method a-b /data/x (1).mp4, 5 %") == (
        "Face2Face my_method a-b /data/x (1).mp4, 5 %"
    )


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_is_drawn_as_text_without_a_warning(name: str, tmp_path: pathlib.Path):
    scores = (np.array([0, 1, 1]), np.array([-1.0, 2.0, 0.5]))
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.rocs(tmp_path / "roc.png", {name: scores})
        figures.rocs(tmp_path / "without.png", {"": scores})
        figures.strips(tmp_path / "errors.png", [Strip(name, frames)])
    assert (tmp_path / "errors.png").stat().st_size > 0
    drawn, without = pixels(tmp_path / "roc.png"), pixels(tmp_path / "without.png")
    assert drawn.shape[1] < 1.5 * without.shape[1]
    assert drawn.shape != without.shape or (drawn != without).any()  # In the legend, if it has _.


def _only_font_with(sign: str, path: pathlib.Path) -> None:
    """A font whose one letter is a full square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 1000), (1000, 1000), (1000, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(sign): "square"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Square of a test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def test_a_character_is_drawn_in_a_font_that_has_it_or_as_its_escape(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    def drawn(text: str) -> np.ndarray:
        figure = Figure(figsize=(2, 0.5))
        figure.text(0, 0.2, text, fontsize=12)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drawing.save(figure, tmp_path / "text.png")
        return pixels(tmp_path / "text.png")

    own = [font for font in font_manager.fontManager.ttflist if "matplotlib" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)  # As on a machine without others.
    drawing.forget_fonts()
    sign = "\u2fd5"
    np.testing.assert_array_equal(drawn(f"a{sign}"), drawn("a\\u2fd5"))
    _only_font_with(sign, tmp_path / "square.ttf")
    font_manager.fontManager.addfont(tmp_path / "square.ttf")
    drawing.forget_fonts()
    square = drawn(sign)
    drawing.forget_fonts()
    assert (square == 0).all(axis=-1).sum() > 100  # 12 points at 120 dpi: 20 × 20 pixels.


def test_a_long_name_keeps_both_ends():
    assert short("x" * 100 + ".mp4", 20) == "x" * 13 + "…" + "xx.mp4"
    assert short("日本語.mp4") == "日本語.mp4"


def test_a_report_about_hostile_names_has_its_columns_and_no_markup(
    finished: pathlib.Path, dataset: Dataset, tmp_path: pathlib.Path
):
    detector = Detector.load(finished)
    scores = score(detector.eval_step, detector.state, dataset, "test", 4)
    fakes = np.unique(scores.video_ids[scores.labels == 1])
    for number, names in enumerate((HOSTILE[: len(fakes)], HOSTILE[-len(fakes) :])):
        of_videos = dict(zip(fakes, names, strict=True))  # Each fake is of a method of its own.
        methods = zip(scores.video_ids, scores.methods, strict=True)
        renamed = np.array([of_videos.get(video, method) for video, method in methods])
        out = tmp_path / str(number)
        note = "See <b>a</b> | b"
        report.write(
            out, names[0], detector, dataset,
            dataclasses.replace(scores, methods=renamed), notes=[note],
        )  # fmt: skip
        reader = _Reader()
        reader.feed((out / "report.html").read_text("utf-8").partition("<body>")[2])
        assert not {"b", "a", "script"} & set(reader.tags)
        for name in names:
            assert f"{visible(name)}, per video" in {cell.strip() for cell in reader.cells}
        lines = (out / "report.md").read_text("utf-8").splitlines()
        assert reader.tags.count("img") == sum(line.startswith("![") for line in lines) > 4
        columns = [line.count("|") for line in lines if line.startswith("| all, per clip")]
        assert columns == [7]
        assert all(line.count("|") in (4, 7, len(names) + 3) for line in lines if line[:1] == "|")
