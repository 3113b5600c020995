"""The engine's samples are true: geometry, occlusion, joints, repeatability, ranges, and what a user can do wrong."""

from dataclasses import replace

import cv2
import helpers
import numpy as np
import pytest
import torch

from posegaussian import config
from posegaussian.config import FILMED, BuiltinSettings, PeopleSettings, RigSettings, SensorSettings, StreamSettings
from posegaussian.errors import ConfigError
from posegaussian.geometry.projection import project, unproject
from posegaussian.geometry.rig import view_angles
from posegaussian.synthetic.dataset import stream as streaming
from posegaussian.synthetic.dataset.compose import compose
from posegaussian.synthetic.dataset.stage import draw_stage
from posegaussian.synthetic.dataset.upload import upload
from posegaussian.synthetic.people.bake import PARTS
from posegaussian.synthetic.people.cast import Cast
from posegaussian.synthetic.people.preparation import prepare
from posegaussian.synthetic.people.splits import shape_codes, split_of
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.zbuffer import nearest_numba, nearest_torch
from posegaussian.synthetic.rigs.calibration import shaken
from posegaussian.synthetic.rigs.rig import capture_rig
from posegaussian.types import JOINTS, Camera

SETTINGS = StreamSettings(size=(160, 160), target_size=(200, 240), sensor=SensorSettings(), still=0)
FRAMES = np.array([0, 1])


@pytest.fixture(scope="module")
def cast():
    return Cast.of(prepare(1002, PeopleSettings(motions=("walk",)), 6, 30, 0.008))


@pytest.fixture(scope="module")
def samples(cast):
    return [compose(cast, np.random.default_rng(seed), SETTINGS, 2) for seed in range(4)]


def surface_distance(points: np.ndarray, cast: Cast, moment: int) -> np.ndarray:
    """Distance of points to the planes of the triangles whose middles lie nearest, metres."""
    vertices = cast.posed(np.array([moment])).vertices[0].double().numpy()
    corners = vertices[cast.actor.faces.numpy()]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-20
    middles, found = corners.mean(1), []
    for point in points:
        near = np.argpartition(((middles - point) ** 2).sum(1), 12)[:12]
        found.append(abs(((point - middles[near]) * normals[near]).sum(1)).min())
    return np.array(found)


def test_depth_of_one_view_lies_on_the_surface_and_on_the_other_views_depth(cast, samples):
    for sample in samples:
        points = unproject(sample.depth, sample.pair.cameras)
        both = (sample.visible * sample.valid) > 0
        for view in (0, 1):
            seen = both[0, view]
            chosen = points[0, view][seen]
            pixels, depth = project(chosen[None], sample.pair.cameras[:1, 1 - view])
            column, row = pixels[0].long().T
            other = sample.depth[0, 1 - view][row, column]
            # One depth in both views of a rectified pair; the other's pixel centre lies up to half a pixel away.
            assert (abs(depth[0] - other)[other > 0]).median() < 0.004
            row_of = torch.arange(160)[:, None].expand(160, 160)[seen] + 0.5
            assert abs(pixels[0, :, 1] - row_of).max() < 2e-2
            x = torch.arange(160)[None].expand(160, 160)[seen] + 0.5
            shift = sample.disparity[0, view][seen] * (-1 if view == 0 else 1)
            assert abs(pixels[0, :, 0] - (x + shift)).max() < 2e-2
    points = unproject(samples[0].depth, samples[0].pair.cameras)[0, 0][samples[0].depth[0, 0] > 0]
    moment = int(np.argmin([abs(cast.track.joints[t] - samples[0].joints[0].numpy()).max() for t in range(6)]))
    assert np.median(surface_distance(points[::40].double().numpy(), cast, moment)) < 5e-4


def ray_hits(origin: np.ndarray, target: np.ndarray, corners: np.ndarray) -> bool:
    """Whether a triangle lies between (Moeller, Trumbore 1997), in float64 and without any picture."""
    direction = target - origin
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(direction, second)
    area = (first * across).sum(1)
    safe = np.where(abs(area) < 1e-18, np.inf, area)
    offset = origin - corners[:, 0]
    u = (offset * across).sum(1) / safe
    other = np.cross(offset, first)
    v = other @ direction / safe
    distance = (second * other).sum(1) / safe
    gap = 0.012 / np.linalg.norm(direction)
    return bool(((u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 1e-6) & (distance < 1 - gap)).any())


def test_occlusion_agrees_with_rays(cast, samples):
    rays, maps = [], []
    for sample in samples:
        moment = int(np.argmin([abs(cast.track.joints[t] - sample.joints[0].numpy()).max() for t in range(6)]))
        vertices = cast.posed(np.array([moment])).vertices[0].double().numpy()
        corners = vertices[cast.actor.faces.numpy()]
        points = unproject(sample.depth, sample.pair.cameras)[0].double().numpy()
        centres = sample.pair.cameras.centre[0].double().numpy()
        rows, columns = np.nonzero(sample.depth[0, 0].numpy() > 0)
        for i in np.random.default_rng(0).choice(len(rows), 100, replace=False):
            rays.append(ray_hits(centres[1], points[0, rows[i], columns[i]], corners))
            maps.append(bool(sample.visible[0, 0, rows[i], columns[i]] == 0))
    assert sum(rays) > 20
    # What is left lies within a pixel of an edge, and errs to both sides alike.
    assert np.equal(rays, maps).mean() > 0.94
    assert abs(np.mean(rays) - np.mean(maps)) < 0.03


def test_joints_and_parts_lie_on_the_person(samples):
    for sample in samples:
        inside = []
        for view in (0, 1):
            mask = cv2.dilate(sample.pair.masks[0, view, 0].numpy(), np.ones((5, 5)))
            x, y = sample.joints2d[0, view].long().T
            inside.append(mask[y, x] > 0.5)
            assert ((sample.parts[0, view] > 0) == (sample.depth[0, view] > 0)).all()
        assert np.mean(inside) == 1
        assert 0.3 < sample.joint_visible.mean() < 1
        # The part under a joint that is seen is its own, or a neighbour's.
        view, wrist = 0, JOINTS.index("left_wrist")
        if sample.joint_visible[0, view, wrist]:
            x, y = sample.joints2d[0, view, wrist].long()
            assert "left" in PARTS[sample.parts[0, view, y, x]]


def test_nobody_is_cropped_on_any_rig(cast):
    extent = cast.track.extent(FRAMES)
    mesh = cast.posed(FRAMES).vertices.flatten(0, 1)[::7].double()
    presets = [BuiltinSettings(size=(96, 96)), BuiltinSettings(sources=8, ring=True, size=(90, 120), rig=RigSettings())]
    presets += [BuiltinSettings(sources=2, size=(120, 90), rig=RigSettings(vertical=1.0), targets=3)]
    for preset in presets:
        for seed in range(4):
            rig = capture_rig(np.random.default_rng(seed), preset, extent)
            for view in rig.views.values():
                pixels = view.project(mesh.numpy())
                assert (pixels > 0).all() and (pixels < [view.width, view.height]).all()
    for seed in range(40):
        stage = draw_stage(np.random.default_rng(seed), SETTINGS, extent)
        for camera in (stage.pair[0], stage.pair[1], stage.target):
            pixels, _ = project(mesh.float(), camera)
            assert (pixels > 0).all() and (pixels < torch.tensor([camera.width, camera.height])).all()


def test_rings_close_and_their_angles_are_even(cast):
    settings = BuiltinSettings(sources=5, ring=True, size=(64, 64), rig=replace(RigSettings(), pitch=(0.0, 0.0)))
    rig = capture_rig(np.random.default_rng(0), settings, cast.track.extent(FRAMES))
    assert rig.pairs[-1] == ("04", "00") and len(rig.targets) == 5
    extent = cast.track.extent(FRAMES)
    centres = np.stack([view.centre for view in rig.sources.values()])
    between = view_angles((extent.min(0) + extent.max(0)) / 2, centres)
    np.testing.assert_allclose([between[i, (i + 1) % 5] for i in range(5)], 72, rtol=1e-6)


def test_every_range_is_filled_and_kept(cast):
    extent = cast.track.extent(FRAMES)
    middle = (extent.min(0) + extent.max(0)) / 2
    baselines, radii, pitches, focals, upright = [], [], [], [], []
    for seed in range(300):
        stage = draw_stage(np.random.default_rng(seed), SETTINGS, extent)
        rays = stage.pair.centre.double().numpy() - middle
        angle = np.degrees(np.arccos(rays[0] @ rays[1] / np.prod(np.linalg.norm(rays, axis=1))))
        assert angle == pytest.approx(stage.baseline, abs=0.01)
        baselines.append(angle)
        radii.append(np.linalg.norm(rays, axis=1).mean())
        out = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).sum(0)
        pitches.append(np.degrees(np.arcsin(out[2] / np.linalg.norm(out))))
        focals.append(float(stage.target.intrinsics[0, 0]) / 240)
        upright.append(abs(rays[1] - rays[0])[2] > 0.7 * np.linalg.norm(rays[1] - rays[0]))
    for values, (low, high), slack in ((baselines, (10, 60), 0.01), (radii, (1.5, 4), 0.13), (pitches, (-25, 25), 0.1)):
        assert low - slack <= min(values) and max(values) <= high + slack
        assert np.histogram(values, 5, (low, high))[0].min() > 300 / 5 * 0.6
    assert max(focals) <= 1.6 and min(focals) < 0.8 and max(focals) > 1.3
    assert 0.08 < np.mean(upright) < 0.23


def test_calibration_errors_keep_their_bound(cast):
    extent = cast.track.extent(FRAMES)
    stage, rng, moved = draw_stage(np.random.default_rng(0), SETTINGS, extent), np.random.default_rng(1), []
    points = torch.from_numpy(extent).float().expand(2, -1, -1)
    for _ in range(50):
        true = shaken(rng, FILMED, stage.pair, extent)
        moved.append(float((project(points, true)[0] - project(points, stage.pair)[0]).norm(dim=-1).max()))
    assert max(moved) < 0.51 and np.mean(moved) > 0.15


@pytest.mark.parametrize(("pictures", "threads"), [(2, 1), (1, 3)])
def test_numba_and_torch_rasterise_alike(cast, pictures, threads):
    stage = draw_stage(np.random.default_rng(5), SETTINGS, cast.track.extent(FRAMES))
    scene = project_vertices(cast.posed(FRAMES).vertices, stage.pair)[:pictures], cast.actor.faces, 160, 160
    torch.set_num_threads(threads)
    for one, other in zip(nearest_numba(*scene), nearest_torch(*scene), strict=True):
        assert torch.equal(one, other)


def test_lenses_bend_vertices_as_opencv_does(cast):
    stage = draw_stage(np.random.default_rng(2), SETTINGS, cast.track.extent(FRAMES))
    vertices = cast.posed(FRAMES[:1]).vertices[:, ::50]
    lens = torch.tensor([[-0.1, 0.02, 0.003, -0.002, 0.01]])
    found = project_vertices(vertices, stage.target.__class__(
        stage.target.intrinsics[None], stage.target.world_to_camera[None], 200, 240), lens)[0, :, :2]  # fmt: skip
    pose = stage.target.world_to_camera.double().numpy()
    expected = cv2.projectPoints(
        vertices[0].double().numpy(), cv2.Rodrigues(pose[:3, :3])[0], pose[:3, 3],
        stage.target.intrinsics.double().numpy(), lens[0].double().numpy(),
    )[0][:, 0]  # fmt: skip
    assert abs(found.numpy() - expected).max() < 2e-3


def test_texture_follows_the_body(cast):
    """A point of the surface keeps its colour from frame to frame where light is from everywhere."""
    even = config.LightSettings(lamps=(1, 1), key=(0, 0), ambient=(0.8, 0.8), warmth=(0, 0))
    # No relief light, no shadows: what remains is albedo and occlusion, which move with the surface.
    sample = compose(cast, np.random.default_rng(3), replace(SETTINGS, light=even, size=(256, 256)), 2)
    posed = cast.posed(FRAMES)
    moments = [int(np.argmin([abs(cast.track.joints[t] - j.numpy()).max() for t in range(6)])) for j in sample.joints]
    posed = cast.posed(np.array(moments))
    points = project_vertices(posed.vertices, sample.pair.cameras[:, 0])
    face, _ = nearest_numba(points, cast.actor.faces, 256, 256)
    pictures = sample.pair.images[:, 0]
    middles = points[:, cast.actor.faces].mean(2)
    both = np.intersect1d(face[0][face[0] >= 0].numpy(), face[1][face[1] >= 0].numpy())
    colours = [pictures[t][:, middles[t, both, 1].long(), middles[t, both, 0].long()] for t in (0, 1)]
    assert abs(colours[0] - colours[1]).mean() < 0.06
    shuffled = colours[1][:, torch.randperm(len(both))]
    assert abs(colours[0] - shuffled).mean() > 2 * abs(colours[0] - colours[1]).mean()


def test_the_stream_depends_on_its_numbers_alone():
    settings = StreamSettings(size=(32, 32), target_size=(32, 32), pool=2, lifetime=3, workers=0)
    first = streaming.SyntheticStream(settings, 7)
    steps = [first.batch(step, 1, 2) for step in (0, 4)]
    other = streaming.SyntheticStream(settings, 7)
    again = other.batch(4, 1, 2)
    for name in ("depth", "target", "joints2d", "person", "visible"):
        assert torch.equal(getattr(steps[1], name), getattr(again, name))
    assert torch.equal(steps[1].pair.images, again.pair.images)
    assert (again.person >= 1000).all() and again.pair.images.shape == (2, 2, 3, 32, 32)
    assert (again.pair.images <= again.pair.masks + 1e-6).all()
    assert len(first._present) <= 4
    people = {first.person(place, step) for place in range(2) for step in range(30)}
    assert len(people) == 2 * 10 + 1 and all(split_of(person) == "train" for person in people)
    first.close()


def test_splits():
    assert [split_of(seed) for seed in (1, 99, 100, 199, 200, 299, 1000, 10**9)] == [
        "demo", "demo", "val", "val", "test", "test", "train", "train",
    ]  # fmt: skip
    for seed in (0, 300, 999):
        with helpers.refuses(ConfigError, "unknown-seed") as error:
            split_of(seed)
        assert str(seed) in error.value.what
    assert not set(shape_codes(150, 600)) & set(shape_codes(1000, 600))


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"rig": {"baseline": [60, 10]}}, "rig.baseline"),
        ({"rig": {"pitch": [-80, 0]}}, "rig.pitch"),
        ({"rig": {"radius": 0.1}}, "rig.radius"),
        ({"people": {"garments": ["toga"]}}, "people.garments.0"),
        ({"people": {"motions": ["fly"]}}, "people.motions.0"),
        ({"sensor": {"jpeg": [0, 100]}}, "sensor.jpeg"),
        ({"rig": {"zoom": 2}}, "rig.zoom"),
    ],
)
def test_impossible_settings_are_one_line(values, key):
    with helpers.refuses(ConfigError, "invalid-settings") as error:
        config.parse(StreamSettings, values)
    assert key in error.value.what


def test_a_rig_that_cannot_see_the_person(cast):
    extent = cast.track.extent(FRAMES)
    near = replace(SETTINGS, rig=RigSettings(radius=(0.8, 0.8), margin=(0.4, 0.4)))
    with helpers.refuses(ConfigError, "person-out-of-view"):
        for seed in range(9):
            draw_stage(np.random.default_rng(seed), near, extent)


def test_upload_keeps_every_tensor_of_a_tree():
    transposed = torch.arange(6.0).reshape(2, 3).T
    camera = Camera(torch.eye(3), torch.eye(4).double(), 4, 3)
    tree = {"a": [transposed, (torch.tensor([True, False, True]), 7)], "camera": camera}
    found = upload(tree, torch.device("cpu"))
    assert torch.equal(found["a"][0], transposed)
    assert found["a"][1][0].dtype == torch.bool and found["a"][1][0].tolist() == [True, False, True]
    assert found["a"][1][1] == 7
    assert torch.equal(found["camera"].world_to_camera, camera.world_to_camera) and found["camera"].width == 4
