"""The z-buffer: its back-ends agree, lenses bend as OpenCV's do, and a plain rasteriser finds the same depth."""

import cv2
import numpy as np
import pytest
import torch
from ray_casting import first_depths, posed_vertices

from posegaussian.config import BuiltinSettings, PeopleSettings, SensorSettings, StreamSettings
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.people.bake import bake
from posegaussian.synthetic.people.person import make_person
from posegaussian.synthetic.people.pose_sequence import sample_poses
from posegaussian.synthetic.people.prepared_subject import PreparedSubject
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.render import render_ground_truth
from posegaussian.synthetic.renderer.zbuffer import rasterize_numba, rasterize_torch
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import capture_rig

SETTINGS = StreamSettings(size=(160, 160), target_size=(200, 240), sensor=SensorSettings(), still=0)
FRAMES = np.array([0, 1])


@pytest.mark.parametrize(("images", "threads"), [(2, 1), (1, 3)])
def test_numba_and_torch_rasterise_alike(subject, images, threads):
    scene = draw_stereo_scene(np.random.default_rng(5), SETTINGS, subject.poses.extent(FRAMES))
    arguments = (
        project_vertices(subject.posed(FRAMES).vertices, scene.declared)[:images],
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


def test_depth_is_that_of_the_nearest_triangle_on_a_ray():
    person = make_person(1, PeopleSettings())
    baked = bake(person, 0.01)
    subject = Subject.of(PreparedSubject(1, baked, sample_poses(person, baked, np.zeros(1))))
    frames = np.zeros(1, int)
    rig = capture_rig(
        np.random.default_rng(0), BuiltinSettings(sources=2, size=(200, 160)), subject.poses.extent(frames)
    )
    camera = rig.sources["00"]
    depth = (
        render_ground_truth(subject.posed(frames), torch.from_numpy(frames), camera_batch([camera])).depth[0].numpy()
    )
    row, column = np.random.default_rng(0).permutation(np.argwhere(cv2.dilate(depth, np.ones((9, 9))) > 0))[:400].T
    expected = first_depths(
        posed_vertices(person, 0.0), baked.faces, camera.world_to_camera, camera.intrinsics,
        np.stack([column, row], axis=1) + 0.5,
    )  # fmt: skip
    found = depth[row, column]
    both = (expected > 0) & (found > 0)
    assert both.sum() > 150 and ((expected > 0) != (found > 0)).mean() < 0.01
    # The engine keeps the four largest skinning weights of a vertex.
    gap = abs(expected - found)[both]
    assert np.median(gap) < 5e-5 and np.quantile(gap, 0.99) < 5e-3
