"""The z-buffer: its back-ends agree, lenses bend as OpenCV's do, and a plain rasteriser finds the same depth."""

import cv2
import numpy as np
import pytest
import torch

from posegaussian.config import BuiltinSettings, PeopleSettings, SensorSettings, StreamSettings
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.people.bake import bake
from posegaussian.synthetic.people.person import make_person
from posegaussian.synthetic.people.pose_sequence import sample_poses
from posegaussian.synthetic.people.prepared_subject import PreparedSubject
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.raster import Light, photograph
from posegaussian.synthetic.renderer.render import render_ground_truth
from posegaussian.synthetic.renderer.zbuffer import rasterize_numba, rasterize_torch
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import capture_rig

SETTINGS = StreamSettings(size=(160, 160), target_size=(200, 240), sensor=SensorSettings(), still=0)
FRAMES = np.array([0, 1])
FLAT = Light(1.0, np.array([[0.0, 0, 1]]), np.zeros((1, 3)), np.zeros(3))


@pytest.mark.parametrize(("pictures", "threads"), [(2, 1), (1, 3)])
def test_numba_and_torch_rasterise_alike(subject, pictures, threads):
    scene = draw_stereo_scene(np.random.default_rng(5), SETTINGS, subject.poses.extent(FRAMES))
    arguments = (
        project_vertices(subject.posed(FRAMES).vertices, scene.declared)[:pictures],
        subject.mesh.faces,
        160,
        160,
    )
    torch.set_num_threads(threads)
    for one, other in zip(rasterize_numba(*arguments), rasterize_torch(*arguments), strict=True):
        assert torch.equal(one, other)


def test_lenses_bend_vertices_as_opencv_does(subject):
    scene = draw_stereo_scene(np.random.default_rng(2), SETTINGS, subject.poses.extent(FRAMES))
    vertices = subject.posed(FRAMES[:1]).vertices[:, ::50]
    lens = torch.tensor([[-0.1, 0.02, 0.003, -0.002, 0.01]])
    found = project_vertices(vertices, scene.target.__class__(
        scene.target.intrinsics[None], scene.target.world_to_camera[None], 200, 240), lens)[0, :, :2]  # fmt: skip
    pose = scene.target.world_to_camera.double().numpy()
    expected = cv2.projectPoints(
        vertices[0].double().numpy(), cv2.Rodrigues(pose[:3, :3])[0], pose[:3, 3],
        scene.target.intrinsics.double().numpy(), lens[0].double().numpy(),
    )[0][:, 0]  # fmt: skip
    assert abs(found.numpy() - expected).max() < 2e-3


def test_the_engine_measures_the_depth_that_this_plain_rasteriser_measures():
    person = make_person(1, PeopleSettings())
    baked = bake(person, 0.01)
    subject = Subject.of(PreparedSubject(1, baked, sample_poses(person, baked, 1, 30)))
    rig = capture_rig(
        np.random.default_rng(0), BuiltinSettings(sources=2, size=(200, 160)), subject.poses.extent(np.zeros(1, int))
    )
    view = rig.sources["00"]
    plain = photograph(person.posed(0.0), view, FLAT)
    ours = (
        render_ground_truth(subject.posed(np.zeros(1, int)), torch.zeros(1, dtype=torch.long), camera_batch([view]))
        .depth[0]
        .numpy()
    )
    both = (plain.depth > 0) & (ours > 0)
    assert (plain.depth > 0).sum() > 3000 and ((plain.depth > 0) != (ours > 0)).mean() < 1e-3
    # The engine keeps the four limit_influences bones of a vertex.
    assert np.median(abs(plain.depth - ours)[both]) < 5e-5 and np.quantile(abs(plain.depth - ours)[both], 0.99) < 5e-3
