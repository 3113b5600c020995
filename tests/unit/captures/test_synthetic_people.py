"""Built-in people: dressed, moving, whole in the picture, and the truth about them is true."""

import numpy as np
import pytest

from posegaussian.captures.synthetic.body import bone_transforms, load_body, skin
from posegaussian.captures.synthetic.motion import LIMITS
from posegaussian.captures.synthetic.person import make_person
from posegaussian.captures.synthetic.raster import Light, make_light, photograph
from posegaussian.captures.synthetic.rig import make_rig

SEEDS = range(1, 7)
TIMES = np.arange(12) / 30


@pytest.fixture(scope="module")
def people():
    return {seed: make_person(seed) for seed in SEEDS}


@pytest.fixture(scope="module")
def scene(people):
    """One person, two moments, a rig and its photographs at 256 px."""
    meshes = [people[1].posed(time) for time in (0.0, 0.2)]
    extent = np.concatenate([mesh.vertices for mesh in meshes])
    rig = make_rig(2, 22.5, 2.0, 0.9, (256, 256), extent)
    photos = [{name: photograph(mesh, view, make_light(1)) for name, view in rig.views.items()} for mesh in meshes]
    return meshes, rig, photos


def world_points(depth, view):
    """Points in the world of the pixels that see somebody, and where in the picture they are."""
    rows, columns = np.nonzero(depth)
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1)
    camera = depth[rows, columns, None].astype(float) * (pixels @ np.linalg.inv(view.intrinsics).T)
    rotation, translation = view.world_to_camera[:3, :3], view.world_to_camera[:3, 3]
    return (camera - translation) @ rotation, pixels[:, :2]


def bilinear(values, pixels):
    """Samples at pixels (centres at +0.5) that lie inside; nan where one of the four neighbours is 0."""
    x, y = (pixels - 0.5).T
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    a, b = x - column, y - row
    corners = [values[row, column], values[row, column + 1], values[row + 1, column], values[row + 1, column + 1]]
    shares = [(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b]
    mixed = sum(share * corner for share, corner in zip(shares, corners, strict=True))
    return np.where(np.all(np.array(corners) > 0, axis=0), mixed, np.nan)


def test_rest_pose_moves_nothing_and_a_turned_root_turns_everything():
    body = load_body()
    still = np.tile(np.eye(3), (len(body.bones), 1, 1))
    np.testing.assert_allclose(
        skin(body.mean, body.weights, bone_transforms(body.parents, body.mean_heads, still)), body.mean, atol=1e-12
    )
    quarter = still.copy()
    quarter[0] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    turned = skin(body.mean, body.weights, bone_transforms(body.parents, body.mean_heads, quarter))
    np.testing.assert_allclose(turned, (body.mean - body.mean_heads[0]) @ quarter[0].T + body.mean_heads[0], atol=1e-12)
    np.testing.assert_allclose(body.regressor.sum(1), 1, atol=1e-6)


def test_asset_holds_no_skin_of_the_trunk():
    body = load_body()
    middle = body.mean[body.surfaces["skin"]].mean(1)
    low, high = body.mean_heads[body.bones.index("upperleg01.L")][2], body.mean_heads[body.bones.index("spine01")][2]
    trunk = (middle[:, 2] > low - 0.05) & (middle[:, 2] < high) & (abs(middle[:, 0]) < 0.17)
    assert not trunk.any()


@pytest.mark.parametrize("seed", SEEDS)
def test_trunk_and_hips_are_dressed(people, seed):
    person = people[seed]
    bare = len(person.looks) - 2
    mesh = person.posed(0.1)
    rig = make_rig(3, 60.0, 2.0, 0.9, (160, 160), mesh.vertices)
    for view in rig.views.values():
        photo = photograph(mesh, view, make_light(seed))
        corners = view.project(mesh.joints[[5, 6, 12, 11]])
        for a, b in np.random.default_rng(0).uniform(0.25, 0.9, (40, 2)):
            top, bottom = corners[0] + a * (corners[1] - corners[0]), corners[3] + a * (corners[2] - corners[3])
            x, y = (top + b * (bottom - top)).astype(int)
            face = photo.faces[y, x]
            x, _, z = abs(mesh.canonical[mesh.faces[face]].mean(0))
            limb = x > 0.22 or z > 0.6
            assert face < 0 or person.materials[face] < bare or limb


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_cropped_in_any_frame_at_any_camera(people, seed):
    meshes = [people[seed].posed(time) for time in TIMES]
    extent = np.concatenate([mesh.vertices for mesh in meshes])
    rig = make_rig(3, 22.5, 2.0, extent[:, 2].max() / 2, (512, 512), extent)
    for view in rig.views.values():
        pixels = view.project(extent)
        assert pixels.min() > 0.03 * 512 and pixels.max() < 0.97 * 512
    assert max(np.ptp(view.project(extent)[:, 1]) for view in rig.views.values()) > 0.6 * 512


@pytest.mark.parametrize("seed", SEEDS)
def test_movement_is_smooth_on_the_floor_and_within_limits(people, seed):
    person = people[seed]
    joints = np.array([person.posed(time).joints for time in TIMES])
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=2)
    assert 0.004 < steps.max() < 0.15, "metres from frame to frame"
    assert np.linalg.norm(np.diff(joints, 2, axis=0), axis=2).max() < 0.035
    for time in TIMES[::4]:
        assert person.posed(time).vertices[:, 2].min() == pytest.approx(0, abs=2e-3)
    thigh = np.linalg.norm(joints[:, 11] - joints[:, 13], axis=1)
    assert thigh.min() > 0.3 and np.ptp(thigh) < 0.08
    for name in person.motion.angles(0.3):
        assert name.split("_")[-1] in LIMITS


@pytest.mark.parametrize("seed", SEEDS)
def test_stature_and_joints_are_human(people, seed):
    rest = people[seed].anchors.rest
    joints = people[seed].regressor @ rest
    left, right = joints[1::2], joints[2::2]
    assert (left[:, 0] > 0).all() and np.allclose(left[:, 0], -right[:, 0], atol=0.02), "left is +x at rest"
    assert 1.3 < joints[0, 2] - joints[15:, 2].mean() < 1.7
    assert joints[0, 1] < joints[3, 1], "the nose is in front of the ears"


def test_joints_lie_on_the_person(scene):
    meshes, rig, photos = scene
    for mesh, shots in zip(meshes, photos, strict=True):
        for name, view in rig.views.items():
            for x, y in view.project(mesh.joints):
                near = shots[name].mask[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]
                assert near.max() > 127


def test_depth_of_one_camera_lands_on_the_surface_seen_by_the_next(scene):
    _, rig, photos = scene
    for shots in photos:
        for first, second in (("00", "t00"), ("t00", "01"), ("00", "01")):
            points, _ = world_points(shots[first].depth, rig.views[first])
            view = rig.views[second]
            seen = bilinear(shots[second].depth, view.project(points))
            own = points @ view.world_to_camera[2, :3] + view.world_to_camera[2, 3]
            error = abs(seen - own)
            visible = error < 0.01
            assert visible.mean() > 0.6
            assert np.median(error[visible]) < 5e-4


def test_texture_holds_still_on_the_moving_body(people, scene):
    meshes, rig, _ = scene
    even = Light(0.9, np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(3))
    shots = [photograph(mesh, rig.views["00"], even) for mesh in meshes]
    cloth = meshes[0].materials < 2
    middles = [mesh.vertices[mesh.faces[cloth]].mean(1) for mesh in meshes]
    colours, seen = [], np.ones(cloth.sum(), bool)
    for shot, points in zip(shots, middles, strict=True):
        x, y = rig.views["00"].project(points).astype(int).T
        colours.append(shot.image[y, x].astype(float))
        seen &= shot.faces[y, x] == np.flatnonzero(cloth)
    assert seen.sum() > 100
    moved = np.linalg.norm(middles[0] - middles[1], axis=1)[seen]
    assert np.median(moved) > 0.01
    change = abs(colours[0] - colours[1])[seen].mean(1)
    shuffled = abs(colours[0][seen] - np.roll(colours[1][seen], 37, axis=0)).mean(1)
    assert np.median(change) < 8 and change.mean() < 0.3 * shuffled.mean()


def test_canonical_places_and_colours_do_not_depend_on_time(people):
    early, late = people[2].posed(0.0), people[2].posed(0.4)
    assert early.canonical is late.canonical and early.looks is late.looks
    assert abs(early.vertices - late.vertices).max() > 0.02


def test_same_seed_same_person_and_other_seeds_others(people):
    again = make_person(3).posed(0.2)
    np.testing.assert_array_equal(again.vertices, people[3].posed(0.2).vertices)
    every = np.arange(0, len(again.faces), 50)
    places = again.canonical[again.faces[every]].mean(1)
    np.testing.assert_array_equal(again.albedo(places, every), people[3].posed(0.2).albedo(places, every))
    tops = [people[seed].looks[0].texture(load_body().mean[:2000]).mean(0) for seed in SEEDS]
    shapes = [people[seed].anchors.rest for seed in SEEDS]
    for i in range(len(SEEDS)):
        for j in range(i):
            assert abs(tops[i] - tops[j]).max() > 0.02
            assert np.linalg.norm(shapes[i] - shapes[j], axis=1).max() > 0.005
