"""A pair rectified on CUDA is that of the CPU, also when several threads rectify at the same time."""

from concurrent.futures import ThreadPoolExecutor

import helpers
import numpy as np
import pytest
import torch

from posegaussian.config import RectifySettings
from posegaussian.data.rectify import device_input, network_input
from posegaussian.geometry.unmixing import person_on_black
from posegaussian.preparation.device_rectification import DeviceRectifier
from posegaussian.preparation.footage import FrameInMemory
from posegaussian.preparation.rectification import CameraFrame
from posegaussian.preparation.rectification_plan import plan_pair
from posegaussian.streams import own_stream

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CUDA = torch.device("cuda", 0)
NAMES = ("00", "01")


def frame(seed):
    """An ellipse with a soft edge before noise, in both cameras."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:400, :480]
    mask = np.clip(0.5 - 40 * (np.hypot((x - 240 - 5 * seed) / 90, (y - 200) / 150) - 1), 0, 1)
    image = generator.integers(0, 256, (400, 480, 3)).astype(np.uint8)
    return {name: CameraFrame(image, np.rint(255 * mask).astype(np.uint8)) for name in NAMES}


@pytest.mark.parametrize("side", [256, 512], ids=["reduced", "enlarged"])
@pytest.mark.parametrize("filmed", [False, True], ids=["on black", "as filmed"])
def test_it_agrees_with_the_cpu(side, filmed):
    lenses = [helpers.lens(azimuth, size=(480, 400)) for azimuth in (-15, 15)]
    cameras = dict(zip(NAMES, map(helpers.source_camera, lenses), strict=True))
    frames = [frame(seed) for seed in range(3)]
    images, masks = ({n: getattr(each, kind) for n, each in frames[0].items()} for kind in ("image", "mask"))
    plan = plan_pair(FrameInMemory(cameras, images, masks), NAMES, [0], RectifySettings(size=(side, side)))
    rectifier = DeviceRectifier(plan, CUDA, filmed, (True, True))

    def rectified(frame):
        with own_stream(CUDA):
            return device_input(rectifier, frame).to("cpu")

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(rectified, frames * 4))
    for number, pair in enumerate(found):
        expected = network_input(plan, frames[number % len(frames)], filmed=filmed)
        assert (pair.masks - expected.masks).abs().max() < 1.5 / 255
        one, other = (person_on_black(each.images, each.masks) if filmed else each.images for each in (pair, expected))
        assert (one - other).abs().max() < 2.5 / 255 and ((one - other).abs() > 0.5 / 255).float().mean() < 0.02
        assert ((pair.images - expected.images).abs() > 2.5 / 255).float().mean() < 1e-3
