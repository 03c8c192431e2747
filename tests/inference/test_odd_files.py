"""Each file that once failed gets an answer or a reason, all in one command."""

import json
import pathlib

import pytest

from fdd import predict

NO_ANSWER = 3


@pytest.fixture
def folder(shared: pathlib.Path) -> pathlib.Path:
    folder = shared / "inputs"
    if not folder.is_dir():
        pytest.skip("needs ../shared/inputs, which is not distributed")
    return folder


def test_a_folder_of_odd_files_is_answered_file_by_file(finished, folder, capsys):
    with pytest.raises(SystemExit) as ended:
        predict.main([f"--workdir={finished}", "--json", str(folder)])
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    answers = {pathlib.Path(line["path"]).name: line for line in lines}
    assert ended.value.code == NO_ANSWER
    assert "Traceback" not in out + err
    assert len(lines) > 30
    for answer in lines:
        assert (answer["reason"] is None) == (answer["probability"] is not None)
        assert answer["verdict"] == "no answer" or answer["people"]
    assert answers["prog12.mp4"]["reason"] == "frame rate too low"
    assert answers["truncated40.mp4"]["incomplete"]
    assert answers["bad_sector.mp4"]["frames_damaged"] > 0
    assert "download it again" in answers["truncated_nomoov.mp4"]["detail"]
