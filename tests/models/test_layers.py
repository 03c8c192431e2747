import itertools

import pytest

from fdd.models import ENCODERS, layers
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.lstm import LSTM


@pytest.mark.parametrize("encoder", ["resnet50", "resnet101"])
def test_layers_of_the_full_model(encoder):
    boxes = layers.describe(ClipClassifier(ENCODERS[encoder], LSTM), (10, 224, 224, 3))
    for before, after in itertools.pairwise(boxes):
        assert before.output == after.input
    by_name = {box.name: box for box in boxes}
    assert boxes[0].input == (10, 224, 224, 3)
    assert by_name["Global average pooling"].input == (10, 7, 7, 2048)
    assert by_name["LSTM, last state"].num_params == 2_360_320
    assert boxes[-1].num_params == 257
    encoders = {"resnet50": 23_508_032, "resnet101": 42_500_160}
    assert sum(box.num_params for box in boxes) == encoders[encoder] + 2_360_320 + 257
