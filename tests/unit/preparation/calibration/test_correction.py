"""Given calibrations judged and corrected: from projected points with noise, and from photographed textures."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from filmed_boards import SIZE, TrueCamera
from textured_scene import photographed, source_of, turned

from posegaussian.preparation.calibration import motion
from posegaussian.preparation.calibration.correction import BAD, correct, judged, level_of
from posegaussian.preparation.calibration.feature_tracks import Features, feature_tracks
from posegaussian.preparation.calibration.refinement import refine_poses
from posegaussian.preparation.calibration.tracks import Tracks, place

TRUE = {f"{i}": source_of(TrueCamera(angle, height=1.2 + 0.1 * i)) for i, angle in enumerate((-34, -11, 11, 34))}
PERSON = np.random.default_rng(0).uniform([-0.3, -0.3, 0.2], [0.3, 0.3, 1.6], (300, 3))


def seen(cameras, noise=0.2, wrong=0.0, seed=1):
    """Tracks of points on a person and a wall; a share of the observations is wrong."""
    random = np.random.default_rng(seed)
    points = np.concatenate([PERSON, random.uniform([-2, 1.5, 0.2], [2, 2.5, 2], (300, 3))])
    rows = []
    for point in points:
        pixels = {name: camera.project(point[None])[0] for name, camera in cameras.items() if random.uniform() < 0.7}
        pixels = {
            name: pixel + random.normal(0, noise, 2) + (random.uniform() < wrong) * random.uniform(-12, 12, 2)
            for name, pixel in pixels.items()
            if (pixel > 0).all() and (pixel < SIZE).all()
        }
        rows += [pixels] if len(pixels) > 1 else []
    return Tracks.of(list(cameras), rows, dict.fromkeys(cameras, 0.2))


def epipolar(cameras, true):
    """Median residual of exact projections of the person, pixels."""
    rows = [{name: camera.project(point[None])[0] for name, camera in true.items()} for point in PERSON]
    return float(np.median(place(Tracks.of(list(true), rows, dict.fromkeys(true, 1.0)), cameras).residuals()))


def displacement(cameras, true):
    """How far the person moves in each camera's image, pixels (median)."""
    moved = {name: cameras[name].project(PERSON) - camera.project(PERSON) for name, camera in true.items()}
    return np.array([np.median(np.linalg.norm(each, axis=1)) for each in moved.values()])


def test_the_residual_of_a_pair_is_the_distance_from_the_epipolar_line():
    pair = {name: TRUE[name] for name in "12"}
    rows = [{name: camera.project(point[None])[0] for name, camera in pair.items()} for point in PERSON]
    tracks = Tracks.of(list(pair), rows, dict.fromkeys(pair, 1.0))
    placed = place(tracks, pair)
    np.testing.assert_allclose(placed.points, PERSON, atol=1e-3)
    assert placed.residuals().max() < 0.02  # undistortion is exact to a hundredth of a pixel
    found = np.median(place(tracks, {**pair, "2": turned(pair["2"], 2.0, np.pi / 2)}).residuals())
    assert found == pytest.approx(2.0, rel=0.1)


def test_one_turned_camera_of_four_turns_back_alone():
    bad = {**TRUE, "1": turned(TRUE["1"], 2.0, 0.7)}
    found = refine_poses(bad, seen(TRUE, wrong=0.1))
    assert displacement(bad, TRUE)[1] == pytest.approx(2.0, rel=0.1)
    print(displacement(found, TRUE))
    assert displacement(found, TRUE).max() < 0.4
    assert epipolar(found, TRUE) < 0.15


def test_a_camera_comes_back_where_most_of_its_matches_are_wrong():
    """Three of four observations of the turned camera are wrong, to one side: soft L1 alone follows them."""
    bad = {**TRUE, "0": turned(TRUE["0"], 2.0, 0.7)}
    right = seen(TRUE)
    random = np.random.default_rng(2)
    wrong = (right.camera == 0) & (random.uniform(size=len(right.camera)) < 0.75)
    pixels = right.pixels + wrong[:, None] * random.uniform(-4, 10, (len(wrong), 2))
    found = refine_poses(bad, replace(right, pixels=pixels), moving=("0",))
    print(displacement(found, TRUE))
    assert displacement(found, TRUE)[0] < 0.3
    assert not displacement(found, TRUE)[1:].any()


def test_all_cameras_turned():
    bad = {name: turned(camera, 3.0, 2.0 * int(name)) for name, camera in TRUE.items()}
    found = refine_poses(bad, seen(TRUE, wrong=0.1))
    assert epipolar(bad, TRUE) > 1.5 and epipolar(found, TRUE) < 0.2


@pytest.mark.filterwarnings("error")
def test_a_camera_that_sees_no_point_stays():
    two = seen({name: TRUE[name] for name in "12"})
    tracks = replace(two, names=tuple(TRUE), camera=two.camera + 1)
    found = refine_poses(TRUE, tracks)
    np.testing.assert_allclose(found["0"].world_to_camera, TRUE["0"].world_to_camera, atol=1e-12)


def test_exact_calibrations_stay():
    found = judged(seen(TRUE), TRUE)
    assert not found.used and not found.why_not and found.cameras is TRUE
    assert max(found.before.values()) < 0.3 and set(found.points) == {*found.before, ("0", "3")}, "68 degrees"


def test_bad_calibrations_are_corrected():
    bad = {**TRUE, "0": turned(TRUE["0"], 3.0, 1.2)}
    found = judged(seen(TRUE, wrong=0.1), bad)
    assert found.used and not found.focal
    assert found.before["0", "1"] > 0.5 and found.after["0", "1"] < 0.3
    assert epipolar(found.cameras, TRUE) < 0.15
    before, after = found.residuals("0")
    assert before > 0.5 > after


def test_where_one_camera_is_wrong_the_others_stay():
    """Few points do not tell where a rig stands, so only the camera that explains them is moved."""
    bad = {**TRUE, "1": turned(TRUE["1"], 2.0, 0.7)}
    few = seen(TRUE, noise=0.3)
    few = few.select(np.random.default_rng(2).uniform(size=len(few)) < 0.4)
    found = judged(few, bad)
    assert found.used and not found.focal
    assert [name for name in TRUE if found.cameras[name] is not bad[name]] == ["1"]
    assert displacement(found.cameras, TRUE)[1] < 0.3 * displacement(bad, TRUE)[1]


def test_pairs_whose_cameras_stay_are_not_computed_again(monkeypatch):
    ring = {str(number): source_of(TrueCamera(60 * number)) for number in range(6)}
    bad = {**ring, "0": turned(ring["0"], 2.0, 0.7)}
    placed = []
    monkeypatch.setattr(motion, "place", lambda tracks, cameras: placed.append(tracks) or place(tracks, cameras))
    pairs = list(combinations(ring, 2))
    found = motion.simplest_motion(seen(ring), bad, pairs, lambda residuals: residuals["0", "1"].mean() < 0.5)
    assert found is not None and found.moving == ("0",)
    given, each_camera, kept_back = len(pairs), 2 * len(pairs), 3 * (len(ring) - 1)
    assert len(placed) == given + each_camera + kept_back


def test_cameras_that_see_nothing_change_no_point():
    pair = {name: TRUE[name] for name in "12"}
    tracks = seen(pair)
    many = {**{f"other {number}": source_of(TrueCamera(9 * number)) for number in range(40)}, **pair}
    shifted = replace(tracks, names=tuple(many), camera=tracks.camera + 40)
    np.testing.assert_array_equal(place(shifted, many).points, place(tracks, pair).points)


def test_where_all_cameras_are_wrong_all_share_the_motion():
    """If two of them stayed where they are wrong, the others would be moved to where these see them."""
    bad = {name: turned(camera, 2.0, 2.0 * int(name)) for name, camera in TRUE.items()}
    found = judged(seen(TRUE), bad)
    assert all(found.cameras[name] is not bad[name] for name in TRUE)
    assert epipolar(found.cameras, TRUE) < 0.15 and displacement(found.cameras, TRUE).max() < 2.0


def test_focal_lengths_are_corrected_where_they_are_wrong():
    bad = {}
    for name, camera in TRUE.items():
        matrix = camera.intrinsics.copy()
        matrix[:2, :2] *= 1.02 if name in "13" else 1.0
        bad[name] = type(camera)(matrix, camera.distortion, camera.world_to_camera, *SIZE)
    found = judged(seen(TRUE), bad)
    assert found.used and found.focal
    assert epipolar(found.cameras, TRUE) < 0.3 * epipolar(bad, TRUE)


def test_what_nothing_explains_is_said():
    """Pixels that are 2 px off at random: no poses fit better."""
    found = judged(seen(TRUE, noise=2.0), TRUE)
    assert not found.used and "no correction" in found.why_not and found.cameras is TRUE


def test_points_in_few_places_are_no_verdict():
    """All points in three cells: what is kept back fits by chance."""
    bad = {name: turned(TRUE[name], 4.0 * (name == "2"), 0.3) for name in "12"}
    tracks = seen({name: TRUE[name] for name in "12"})
    assert judged(tracks, bad).used
    first = np.unique(tracks.point, return_index=True)[1]
    cells = np.unique((tracks.pixels[first] / (SIZE[0] / 16)).astype(int), axis=0, return_inverse=True)[1].ravel()
    few = tracks.select(np.isin(cells, np.argsort(-np.bincount(cells))[:3]))
    few = few.joined(few).joined(few).joined(few)  # what stands still is seen in every frame
    found = judged(few, bad)
    assert max(found.points.values()) > 30
    assert not found.used and found.why_not and found.cameras is bad


def test_a_small_error_is_seen_through_noise():
    """Residuals fall by less than a quarter, but in all parts of the images."""
    bad = {**TRUE, "1": turned(TRUE["1"], 0.7, np.pi / 2)}
    tracks = seen(TRUE, noise=0.5, wrong=0.1)
    found = judged(tracks, bad)
    before, after = (np.mean(list(each.values())) for each in (found.before, found.after))
    assert 0.75 < after / before < 1
    assert [name for name in TRUE if found.cameras[name] is not bad[name]] == ["1"]
    assert displacement(found.cameras, TRUE)[1] < 0.3 and epipolar(found.cameras, TRUE) < 0.3 * epipolar(bad, TRUE)


def test_small_errors_are_corrected_or_passed_over():
    bad = {**TRUE, "0": turned(TRUE["0"], 0.4, np.pi / 2)}
    found = judged(seen(TRUE), bad)
    assert 0.25 < max(found.before.values()) < BAD
    assert found.used and epipolar(found.cameras, TRUE) < 0.1
    found = judged(seen(TRUE, noise=0.4), TRUE)
    assert 0.25 < max(found.before.values()) < BAD
    assert not found.used and not found.why_not


def test_wrong_matches_do_not_count():
    random = np.random.default_rng(0)
    right, wrong = abs(random.normal(0, 0.2, 1000)), random.uniform(0, 10, 1000)
    level, count = level_of(np.concatenate([right, wrong, [np.nan]]), 10.0)
    assert level == pytest.approx(0.6745 * 0.2, rel=0.1) and count == pytest.approx(1000, rel=0.1)
    assert level_of(wrong, 10.0)[1] < 150
    assert level_of(np.zeros(0), 10.0)[1] == 0
    level, count = level_of(np.concatenate([7.5 + right, wrong[:300]]), 10.0)
    assert level == pytest.approx(7.5, abs=0.3) and count == 1300, "a calibration that is far off"
    spread = random.triangular(0, 10, 10, 1000)  # errors grow towards the edges: a focal length is wrong
    assert level_of(spread, 10.0) == (pytest.approx(np.median(spread)), 1000)


def test_wide_pairs_share_chains_of_wrong_matches():
    """Cameras 68 degrees apart are not matched: what they share by chains may lie anywhere in the image."""
    random = np.random.default_rng(0)
    rows = []
    for point in random.uniform([-2, 1.5, 0.2], [2, 2.5, 2], (200, 3)):
        first, last = (TRUE[name].project(point[None])[0] for name in ("0", "3"))
        rows.append({"0": first, "3": last + random.uniform(-60, 60, 2)})
    chains = Tracks.of(list(TRUE), rows, dict.fromkeys(TRUE, 0.2))
    matches = seen({name: TRUE[name] for name in ("0", "1", "2")})
    found = judged(replace(matches, names=tuple(TRUE)).joined(chains), TRUE)
    assert ("0", "3") not in found.before
    assert not found.used and not found.why_not


def test_features_of_photographs():
    cameras = {name: TrueCamera(angle, lens=(0.0, 0, 0, 0)) for name, angle in (("a", -10), ("b", 10))}
    true = {name: source_of(camera) for name, camera in cameras.items()}
    images = {name: np.repeat(photographed(camera)[..., None], 3, axis=2) for name, camera in cameras.items()}
    features = {name: Features.of(image) for name, image in images.items()}
    tracks = feature_tracks(features, true, [("a", "b")])
    level, count = level_of(place(tracks, true).residuals(), 12.8)
    print(count, level)
    assert count > 200 and level < 0.2
    bad = {**true, "b": turned(true["b"], 2.0, np.pi / 2)}
    found = correct([features], bad)
    assert found.used and epipolar(found.cameras, true) < 0.3
    assert not correct([features], true).used


def test_images_without_features():
    cameras = {name: TRUE[name] for name in "12"}
    features = Features.of(np.full((SIZE[1], SIZE[0], 3), 128, np.uint8))
    found = correct([dict.fromkeys(cameras, features)], cameras)
    assert not found.used and not found.before and found.cameras is cameras
