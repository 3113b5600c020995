"""Movements: smooth, on the floor, within the limits of the joints, arms clear of the trunk."""

import numpy as np
import pytest
from ray_casting import posed_vertices

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.body.body import bone_transforms, linear_blend_skinning, load_body
from posegaussian.synthetic.motion.motion import NAMED_SHARES, make_motion
from posegaussian.synthetic.motion.poses import LIMITS, Skeleton, knee_bend, rotation_about
from posegaussian.synthetic.people.person import make_person

KINDS = sorted(NAMED_SHARES)
TIMES = np.arange(45) / 30


@pytest.fixture(scope="module")
def skeleton():
    body = load_body()
    return Skeleton(body, body.mean_heads, -0.83, 0.2)


@pytest.fixture(scope="module")
def somebody():
    return make_person(1)


def places(skeleton, motion, time, names):
    """Where bones start in the world."""
    rotations, shift = skeleton.pose(*motion.at(time))
    transforms = bone_transforms(skeleton.body.parents, skeleton.heads, rotations)
    found = []
    for name in names:
        bone = skeleton.number[name]
        found.append(transforms[bone, :, :3] @ skeleton.heads[bone] + transforms[bone, :, 3] + shift)
    return np.array(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_movement_is_smooth_and_stays_near_the_origin(skeleton, kind, seed):
    motion = make_motion(kind, 1.0, np.random.default_rng(seed))
    names = ("head", "root", "wrist.L", "wrist.R", "lowerleg01.L", "foot.R")
    track = np.array([places(skeleton, motion, time, names) for time in TIMES])
    steps = np.linalg.norm(np.diff(track, axis=0), axis=2)
    if kind == "still":
        assert steps.max() == 0
        return
    assert 1e-4 < steps.max() < 0.16, "metres from frame to frame"
    assert np.linalg.norm(np.diff(track, 2, axis=0), axis=2).max() < 0.045
    assert np.linalg.norm(track[:, 1, :2], axis=1).max() < 0.62


@pytest.mark.parametrize("kind", KINDS)
def test_feet_on_the_floor_stay_where_they_are(skeleton, kind):
    motion = make_motion(kind, 1.0, np.random.default_rng(4))
    stances = [motion.at(time)[1] for time in TIMES]
    balls = np.array([[s.left.ball, s.right.ball] for s in stances])
    down = balls[..., 2] == 0
    assert down.any(1).all(), "one foot always bears the weight"
    both = down[1:] & down[:-1]
    assert np.linalg.norm(np.diff(balls, axis=0), axis=2)[both].max() == 0
    # The bones reach what the plan says.
    for time in TIMES[::6]:
        found = places(skeleton, motion, time, ("foot.L", "foot.R"))
        stance = motion.at(time)[1]
        wanted = [skeleton.ankle(".L", stance.left), skeleton.ankle(".R", stance.right)]
        assert np.linalg.norm(found - wanted, axis=1).max() < 0.004


@pytest.mark.parametrize("kind", KINDS)
def test_bends_keep_the_limits_of_the_joints(skeleton, kind):
    motion = make_motion(kind, 1.0, np.random.default_rng(5))
    for time in TIMES[::5]:
        angles, _ = motion.at(time)
        rotations, _ = skeleton.pose(*motion.at(time))
        bends = {
            name: np.arccos(np.clip((np.trace(rotations[i]) - 1) / 2, -1, 1)) for name, i in skeleton.number.items()
        }
        assert set(name.split("_")[-1] for name in angles) <= set(LIMITS)
        for side in (".L", ".R"):
            assert bends["lowerleg01" + side] <= LIMITS["knee"][1] + 1e-6
            assert bends["lowerarm01" + side] <= LIMITS["elbow"][1]
            assert bends["foot" + side] < 1.2 and bends["upperleg01" + side] < 2.0
        assert max(bends[name] for name in ("neck01", "head")) <= (0.7 + 0.4) / 3
    wild = {name: 9.0 for name in angles}
    np.testing.assert_allclose(
        skeleton.pose(wild, motion.at(0.0)[1])[0],
        skeleton.pose({n: LIMITS[n.split("_")[-1]][1] for n in wild}, motion.at(0.0)[1])[0],
    )


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "squat"])
def test_hands_and_elbows_keep_clear_of_the_trunk(skeleton, kind):
    """Elbow, wrist and knuckles stay outside an upright cylinder in the trunk."""
    arms = [f"{bone}.{side}" for side in "LR" for bone in ("lowerarm01", "wrist", "finger3-1")]
    names = ("spine05", "spine02", *arms)
    for seed in range(6):
        motion = make_motion(kind, 1.0, np.random.default_rng([6, seed]))
        for time in TIMES[::3]:
            found = places(skeleton, motion, time, names)
            base, top = found[:2]
            for point in found[2:]:
                along = np.clip((point - base) @ (top - base) / ((top - base) @ (top - base)), -1.5, 1.2)
                assert np.linalg.norm(point - base - along * (top - base)) > 0.10


def test_gestures_hold_a_hand_before_face_or_chest(skeleton):
    for seed in range(6):
        motion = make_motion("gesture", 1.0, np.random.default_rng([9, seed]))
        for time in TIMES[::3]:
            head, *wrists = places(skeleton, motion, time, ("head", "wrist.L", "wrist.R"))
            yaw = motion.at(time)[1].yaw
            ahead = np.array([np.sin(yaw), -np.cos(yaw), 0])
            nearest = min((wrist - head for wrist in wrists), key=np.linalg.norm)
            assert np.linalg.norm(nearest) < 0.5 and nearest @ ahead > 0.08


def test_hands_and_head_move(skeleton):
    motion = make_motion("stand", 1.0, np.random.default_rng(7))
    poses = np.array([skeleton.pose(*motion.at(time))[0] for time in (0.0, 1.0, 2.0)])
    for name in ("head", "finger2-1.L", "finger3-2.R", "spine03"):
        assert abs(np.diff(poses[:, skeleton.number[name]], axis=0)).max() > 1e-3


def test_knee_bends_until_hip_and_ankle_are_as_far_apart_as_asked():
    thigh, shin, hinge = np.array([0.03, -0.02, -0.44]), np.array([0.04, 0.03, -0.45]), np.array([1.0, 0.05, 0])
    hinge /= np.linalg.norm(hinge)
    for distance in (0.45, 0.6, 0.8, 0.87):
        bend = knee_bend(thigh, shin, hinge, distance)
        assert np.linalg.norm(thigh + rotation_about(hinge, bend) @ shin) == pytest.approx(distance, abs=1e-9)


def test_soles_touch_the_floor(somebody):
    for time in TIMES[::6]:
        transforms = somebody.transforms(time)
        lowest = linear_blend_skinning(somebody.soles.rest, somebody.soles.weights, transforms)[:, 2].min()
        assert lowest == pytest.approx(0, abs=1e-9)
        assert posed_vertices(somebody, time)[:, 2].min() == pytest.approx(0, abs=4e-3)


@pytest.mark.parametrize("motion", ["squat", "walk"])
def test_skirts_neither_tear_nor_stretch(motion):
    person = make_person(11, PeopleSettings(garments=("skirt", "tshirt"), motions=(motion,)))
    faces = person.surface.faces[person.material_ids == [material.name for material in person.materials].index("skirt")]
    a, b = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    rest = np.linalg.norm(person.surface.rest[a] - person.surface.rest[b], axis=1)
    for time in (0.0, 0.4, 0.8):
        moved = posed_vertices(person, time)
        stretch = np.linalg.norm(moved[a] - moved[b], axis=1) / np.maximum(rest, 1e-3)
        assert np.quantile(stretch, 0.99) < 2.2 and np.quantile(stretch, 0.999) < 4.5
