"""The heatmaps stage through the real MMPose, in its own environment."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from posegaussian.io import store

pytestmark = pytest.mark.mmpose
ROOT = Path(__file__).parents[3]
SMALL = {"config": "package:small.py", "weights": "package:small.safetensors"}


@pytest.fixture
def heatmaps(mmpose_python, tmp_path):
    """Run the stage; returns (finished process, output)."""

    def run(rectified: Path, settings: dict, name: str = "heatmaps.h5"):
        command = [mmpose_python, "-m", "posegaussian", "heatmaps", rectified, "-o", tmp_path / name]
        command += ["--settings", json.dumps(settings)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        return done, tmp_path / name

    return run


@pytest.fixture
def capture(rectified):
    """A blob on an image that is neither square nor of a round size; the second frame's right view has no person."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (2, 2, 132, 196, 3), dtype=np.uint8)
    masks = np.zeros((2, 2, 132, 196), np.uint8)
    for frame, view, left in ((0, 0, 31), (0, 1, 84), (1, 0, 120)):
        masks[frame, view, 13:119, left : left + 45] = 255
        images[frame, view, 13:119, left : left + 45] += 120
    return rectified(images, masks)


def test_end_to_end(heatmaps, capture):
    done, output = heatmaps(capture, SMALL)
    assert done.returncode == 0, done.stderr
    with store.open_checked(output, store.HEATMAPS) as file:
        maps, keypoints, scores = (file[name][()] for name in ("heatmaps", "keypoints", "scores"))
    assert maps.shape == (1, 2, 2, 17, 33, 49)
    assert np.isfinite(keypoints).all()
    assert 0 < scores[0, 0].max() <= 1
    assert 0 <= maps.min() < maps.max() <= 1
    assert not maps[0, 1, 1].any()
    assert not scores[0, 1, 1].any()
    _, again = heatmaps(capture, SMALL, "again.h5")
    assert output.read_bytes() == again.read_bytes()


CHECK_FRAMES = """
import sys
import numpy as np, torch
from pathlib import Path
from safetensors.torch import save_file
from mmpose.apis import init_model
from posegaussian.pose.detectors import mmpose as detector
from posegaussian.pose.heatmaps import STRIDE, resample_maps

config_file, weights = detector.find_config(sys.argv[1]), Path(sys.argv[2])
torch.manual_seed(0)
model = init_model(str(config_file), device="cpu", cfg_options={})
save_file(model.state_dict(), weights)
codec = model.head.decoder


def paint(self, inputs, *args, **kwargs):
    # A network that sees a Gaussian of 2 cells around the brightest spot, in each of the 17 maps.
    bright = inputs.amax(1)
    batch, rows, columns = bright.shape
    weight = (bright - bright.amin((1, 2), keepdim=True)) ** 4
    total = weight.sum((1, 2))
    x = (weight * torch.arange(columns)).sum((1, 2)) / total
    y = (weight * torch.arange(rows)[:, None]).sum((1, 2)) / total
    width, height = codec.heatmap_size
    scale = codec.scale_factor
    across = torch.exp(-((torch.arange(width) - (x / scale[0])[:, None]) ** 2) / 8)
    down = torch.exp(-((torch.arange(height) - (y / scale[1])[:, None]) ** 2) / 8)
    return (down[:, :, None] * across[:, None])[:, None].expand(-1, 17, -1, -1).contiguous()


from mmpose.models.heads import HeatmapHead
from mmpose.models.pose_estimators import TopdownPoseEstimator
detect = detector.load_detector(config_file, weights)
TopdownPoseEstimator.extract_feat = lambda self, inputs: inputs
HeatmapHead.forward = paint

worst = 0.0
rng = np.random.default_rng(0)
for size in ((256, 256), (388, 620), (1024, 512)):
    height, width = size
    rows, columns = np.mgrid[:height, :width] + 0.5
    for _ in range(6):
        box = np.round(np.array([rng.uniform(0.05, 0.3) * width, rng.uniform(0.05, 0.3) * height,
                                 rng.uniform(0.6, 0.95) * width, rng.uniform(0.7, 0.95) * height]))
        point = box[:2] + rng.uniform(0.3, 0.7, 2) * (box[2:] - box[:2])
        spread = 0.02 * height
        bump = np.exp(-((columns - point[0]) ** 2 + (rows - point[1]) ** 2) / (2 * spread**2))
        found = detect(np.repeat((255 * bump)[..., None], 3, -1).round().astype(np.uint8), box)
        maps = resample_maps(found.maps, found.first, found.pitch, width, height)
        down, across = STRIDE * (np.mgrid[: height // STRIDE, : width // STRIDE] + 0.5)
        centroid = [(maps[0] * across).sum() / maps[0].sum(), (maps[0] * down).sum() / maps[0].sum()]
        worst = max(worst, np.abs(centroid - point).max())
        assert np.abs(found.keypoints - point).max() < 0.3 * found.pitch.max() + 0.1, (found.keypoints[0], point)
print(worst)
"""


@pytest.mark.parametrize("config", ["package:small.py", "td-hm_res50_8xb64-210e_coco-256x192"])
def test_maps_lie_where_the_image_says(mmpose_python, tmp_path, config):
    """UDP and MSRA: a spot in the image, through MMPose's own transform, lands within 0.1 px of where it was."""
    command = [mmpose_python, "-W", "ignore", "-c", CHECK_FRAMES, config, tmp_path / "weights.safetensors"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 0.1


def test_a_mistake_is_one_line_and_no_file(heatmaps, capture):
    done, output = heatmaps(capture, SMALL | {"config": "td-hm_hrnet-w32_8xb64-210e_coco-256x192"})
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("posegaussian: error: ") and "small.safetensors: " in line
    assert not output.exists()


REFUSED = """
import sys
from pathlib import Path
from posegaussian.errors import UserError
from posegaussian.pose.detectors import mmpose as detector

for name in sys.argv[1:]:
    try:
        detector.load_detector(detector.find_config(name), detector.ASSETS / "small.safetensors")
    except UserError as error:
        print(error.code, error.file)
"""


def test_other_kinds_of_models_are_refused(mmpose_python):
    names = ["rtmpose-s_8xb256-420e_coco-256x192", "td-reg_res50_8xb64-210e_coco-256x192", "td-hm_nothing"]
    run = subprocess.run(
        [mmpose_python, "-c", REFUSED, *names],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    rtmpose, regression, unknown = run.stdout.splitlines()[-3:]
    assert rtmpose.startswith("unusable-detector ") and rtmpose.endswith(f"{names[0]}.py")
    assert regression.startswith("unsupported-detector ") and regression.endswith(f"{names[1]}.py")
    assert unknown == "unknown-detector None"


def test_the_shipped_weights_find_the_joints_of_a_built_in_person(heatmaps, rectified):
    from posegaussian.config import LightSettings, PeopleSettings
    from posegaussian.synthetic.people.prepared_subject import prepare_subject
    from posegaussian.synthetic.people.subject import Subject
    from posegaussian.synthetic.renderer.lights import draw_lights, lamp_camera, shadow_map
    from posegaussian.synthetic.renderer.render import render_colours
    from posegaussian.synthetic.rigs.calibration import camera_batch
    from posegaussian.synthetic.rigs.rig import RigCamera, look_at

    intrinsics, middle = np.array([[256.0, 0, 128], [0, 256, 128], [0, 0, 1]]), np.array([0, 0, 0.85])
    cameras = [
        RigCamera(intrinsics, look_at(2.2 * np.array([np.cos(a), np.sin(a), 0.4]), middle), 256, 256)
        for a in (-2.2, -1.5, -0.8, 0.3)
    ]
    subject = Subject.of(prepare_subject(2, PeopleSettings(), 13, 30, 0.004))
    posed, lights = subject.posed(np.array([12])), draw_lights(np.random.default_rng(2), LightSettings())
    shadows = shadow_map(posed, lamp_camera(lights, middle)[None])
    rendered = render_colours(posed, torch.zeros(4).long(), camera_batch(cameras), lights, shadows)
    images = (255 * rendered.over(lights.background).clamp(0, 1)).round().byte().permute(0, 2, 3, 1).numpy()
    masks = (255 * rendered.coverage[:, 0]).round().byte().numpy()
    done, output = heatmaps(rectified(images.reshape(2, 2, 256, 256, 3), masks.reshape(2, 2, 256, 256)), SMALL)
    assert done.returncode == 0, done.stderr
    with store.open_checked(output, store.HEATMAPS) as file:
        found, boxes = file["keypoints"][0].reshape(4, 17, 2), file["boxes"][0].reshape(4, 4)
    truth = np.stack([camera.project(subject.poses.joints[12]) for camera in cameras])
    diagonals = np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1)
    assert (np.linalg.norm(found - truth, axis=-1) <= 0.05 * diagonals[:, None]).mean() >= 0.9
