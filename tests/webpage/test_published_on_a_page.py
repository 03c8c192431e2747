"""The page of a detector that others published."""

import pathlib

from web_client import LIMITS, Site, result

FOLDER = pathlib.Path(__file__).parents[1] / "inference/fixtures/gend_clip"


def test_a_page_names_the_weights_and_says_what_they_lack(tmp_path, videos):
    site = Site(FOLDER, tmp_path / "web", *LIMITS)
    try:
        _, _, page = site.wait().exchange("GET", "/")
        assert "Detector: gend_clip, published weights, gend_clip." in page
        assert "What videos it knows was not measured" in page
        answer = site.answer(videos[0], "holiday.mp4")
        assert "Whether it is like the videos of training is not known." in answer
        assert not result(answer)["detector"]["fitted"]
        assert "were not fitted, because its weights were published without" in answer
    finally:
        site.end()
