"""One walking person at low resolution, and streamed clips of them."""

import numpy as np
import pytest

from posegaussian.config import PeopleSettings, SensorSettings, StreamSettings
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.people.prepared_subject import prepare_subject
from posegaussian.synthetic.people.subject import Subject

SETTINGS = StreamSettings(size=(160, 160), target_size=(200, 240), sensor=SensorSettings(), still=0)


@pytest.fixture(scope="session")
def subject():
    return Subject.of(prepare_subject(1002, PeopleSettings(motions=("walk",)), 6, 30, 0.008))


@pytest.fixture(scope="session")
def samples(subject):
    return [render_clip(subject, np.random.default_rng(seed), SETTINGS, 2) for seed in range(4)]
