"""Mattes made on CUDA are those of the CPU, also when several threads make them at the same time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from ball_rig import RIG, around, disc

from posegaussian.preparation.mattes.matting import Matting
from posegaussian.preparation.mattes.models import load_matting_model
from posegaussian.streams import own_stream

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CUDA = torch.device("cuda", 0)


def test_mattes_are_those_of_the_cpu():
    generator, images, people = np.random.default_rng(0), {}, {}
    for name, camera in RIG.items():
        mask = disc(camera)
        scene = generator.integers(100, 140, (*mask.shape, 3)).astype(np.uint8)
        images[name] = np.where(mask[..., None], scene // 2, scene)
        people[name] = around(camera, mask, images[name]).person
    expected = Matting(RIG, load_matting_model()).mattes(images, people)
    matting = Matting(RIG, load_matting_model(device="cuda"), device=CUDA)

    def made(_):
        with own_stream(CUDA):
            return matting.mattes(images, people)

    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(made, range(9)):
            assert found.keys() == expected.keys()
            for name, matte in expected.items():
                apart = abs(found[name].coverage.astype(int) - matte.coverage)
                # The network's half precision moves edges.
                assert (apart > 16).mean() < 5e-3 and apart.mean() < 0.5
                assert (found[name].on_device.coverage.cpu().numpy() == found[name].coverage).all()
                assert abs(found[name].confidence - matte.confidence) < 0.02
