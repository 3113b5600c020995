"""Whole rigs from projected corners: the true cameras come back, and what contradicts them is named."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from filmed_boards import SIZE, TrueCamera, filmed
from helpers import refuses

from posegaussian.errors import CalibrationError
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.intrinsics import check_lens
from posegaussian.preparation.calibration.rig import calibrate_rig

BOARDS = {
    "checkerboard": TargetBoard.parse("checkerboard 11x8 40mm"),
    "charuco": TargetBoard.parse("charuco 11x8 40mm 30mm"),
    "apriltag": TargetBoard.parse("apriltag 6x4 60mm 15mm"),
}
NAMES: tuple[str, ...] = ("a", "b", "c", "d")
CAMERAS: dict[str, TrueCamera] = dict(zip(NAMES, map(TrueCamera, (-40, -12, 14, 42)), strict=True))
SIZES: dict[str, tuple[int, int]] = dict.fromkeys(NAMES, SIZE)


def aligned(found, true):
    """Largest angle, degrees, and distance, metres, between rigs after the rigid motion that fits best."""
    centres = np.stack([found[name].centre for name in true])
    truth = np.stack([camera.centre for camera in true.values()])
    products = [true[name].pose[:3, :3].T @ found[name].rotation for name in true]
    left, _, right = np.linalg.svd(np.sum(products, axis=0))
    turn = left @ right  # from the found world to the true one
    shift = (truth - centres @ turn.T).mean(0)
    angles = [np.linalg.norm(cv2.Rodrigues(true[n].pose[:3, :3] @ turn @ found[n].rotation.T)[0]) for n in true]
    return np.degrees(max(angles)), np.linalg.norm(centres @ turn.T + shift - truth, axis=1).max()


def epipolar_errors(found, true, points):
    """Distances of true projections from the epipolar lines of the found cameras, undistorted pixels of the truth."""
    errors = []
    for a in true:
        for b in true:
            if a == b:
                continue
            relative = found[b].world_to_camera @ np.linalg.inv(found[a].world_to_camera)
            x, y, z = relative[:3, 3]
            essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ relative[:3, :3]
            rays = [
                cv2.undistortPoints(true[n].project(points)[:, None], found[n].intrinsics, found[n].distortion)[:, 0]
                for n in (a, b)
            ]
            first, second = (np.column_stack([each, np.ones(len(each))]) for each in rays)
            lines = first @ essential.T
            focal = found[b].intrinsics[0, 0]
            errors.append(focal * abs((second * lines).sum(1)) / np.linalg.norm(lines[:, :2], axis=1))
    return np.concatenate(errors)


@pytest.mark.parametrize("kind", BOARDS)
def test_true_cameras_come_back(kind):
    board = BOARDS[kind]
    views = filmed(board, CAMERAS, 100, noise=0.1)
    found = calibrate_rig(board, views, SIZES, floor=0)
    angle, distance = aligned(found.cameras, CAMERAS)
    points = np.random.default_rng(1).uniform([-0.4, -0.4, 0.3], [0.4, 0.4, 0.9], (200, 3))
    epipolar = float(np.median(epipolar_errors(found.cameras, CAMERAS, points)))
    print(f"{kind}: {angle:.4f} degrees, {1e3 * distance:.2f} mm, epipolar {epipolar:.3f} px")
    assert angle < 0.03 and distance < 0.001 and epipolar < 0.15
    # The board on the floor gives the world; a single view of it in each camera is less exact.
    for name, camera in CAMERAS.items():
        assert np.linalg.norm(found.cameras[name].centre - camera.centre) < 0.01
    for name in NAMES:
        assert np.median(found.camera_errors(name)) == pytest.approx(1.18 * 0.1, rel=0.1)  # Rayleigh's median


def test_exact_corners_give_exact_cameras():
    board = BOARDS["charuco"]
    found = calibrate_rig(board, filmed(board, CAMERAS, 40, noise=0.0), SIZES, floor=0)
    for name, camera in CAMERAS.items():
        np.testing.assert_allclose(found.cameras[name].world_to_camera, camera.pose, atol=1e-5)
        np.testing.assert_allclose(found.cameras[name].intrinsics, camera.matrix, atol=1e-2)
        np.testing.assert_allclose(found.cameras[name].distortion[:4], camera.lens, atol=1e-4)


def test_wrong_corners_are_rejected():
    board, random = BOARDS["charuco"], np.random.default_rng(2)
    clean = filmed(board, CAMERAS, 60, noise=0.05)
    wrong = []
    for view in clean:
        pixels = view.pixels.copy()
        hit = random.random(len(pixels)) < 0.05
        pixels[hit] += random.normal(0, 15, (hit.sum(), 2))
        wrong.append(replace(view, pixels=pixels))
    found = calibrate_rig(board, wrong, SIZES, floor=0)
    angle, distance = aligned(found.cameras, CAMERAS)
    print(f"{angle:.4f} degrees, {1e3 * distance:.2f} mm, rejected {found.rejected}")
    assert angle < 0.05 and distance < 0.002
    assert all(0.03 < share < 0.08 for share in found.rejected.values())


def test_without_a_floor_up_is_up_in_the_images():
    board = BOARDS["charuco"]
    found = calibrate_rig(board, filmed(board, CAMERAS, 40, noise=0.05), SIZES)
    assert not found.on_floor
    up = np.mean([camera.rotation[1] for camera in found.cameras.values()], axis=0)
    np.testing.assert_allclose(up / np.linalg.norm(up), [0, 0, -1], atol=1e-9)
    angle, _ = aligned(found.cameras, CAMERAS)
    assert angle < 0.05


def test_one_camera_alone_is_calibrated():
    board = BOARDS["charuco"]
    only = {"a": TrueCamera(0)}
    found = calibrate_rig(board, filmed(board, only, 60, noise=0.05), {"a": SIZE}, floor=0)
    assert found.cameras["a"].intrinsics[0, 0] == pytest.approx(900, abs=2)


def test_same_views_give_the_same_bytes():
    board = BOARDS["charuco"]
    views = filmed(board, CAMERAS, 20, noise=0.1)
    first, second = (calibrate_rig(board, views, SIZES) for _ in range(2))
    for name in NAMES:
        assert first.cameras[name].world_to_camera.tobytes() == second.cameras[name].world_to_camera.tobytes()


def _views(frames=24):
    return filmed(BOARDS["charuco"], CAMERAS, frames, noise=0.1)


def test_a_camera_that_shares_no_frame_is_named():
    views = [replace(v, frame=v.frame + 1000) if v.camera == "c" else v for v in _views()]
    with refuses(CalibrationError, "unconnected-camera", camera="c"):
        calibrate_rig(BOARDS["charuco"], views, SIZES)


def test_a_camera_without_the_board_is_named():
    views = [view for view in _views() if view.camera != "b"]
    with refuses(CalibrationError, "no-board", camera="b"):
        calibrate_rig(BOARDS["charuco"], views, SIZES)


def test_blurred_views_alone_are_refused():
    views = [replace(view, blur=20.0) if view.camera == "d" else view for view in _views()]
    with refuses(CalibrationError, "blurred-board", camera="d"):
        calibrate_rig(BOARDS["charuco"], views, SIZES)


def test_few_views_are_refused():
    with refuses(CalibrationError, "few-views"):
        calibrate_rig(BOARDS["charuco"], [view for view in _views() if view.frame < 3], SIZES)


@pytest.mark.parametrize(
    ("focal", "centre"),
    [((90, 90), (640, 360)), ((900, 90000), (640, 360)), ((np.nan, 900), (640, 360)), ((900, 900), (1200, 360))],
)
def test_implausible_lenses_are_refused(focal, centre):
    """What calibrations of boards with wrong numbers of squares, and of fisheye lenses, look like."""
    with refuses(CalibrationError, "implausible-lens", camera="a"):
        check_lens(np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]], float), (1280, 720), "a")


def test_a_floor_frame_without_the_board_is_refused():
    with refuses(CalibrationError, "no-board-on-floor", frame=77):
        calibrate_rig(BOARDS["charuco"], _views(), SIZES, floor=77)


def test_squares_of_another_size_are_told_by_the_heights():
    wrong = TargetBoard.parse("charuco 11x8 500mm 375mm")
    with refuses(CalibrationError, "implausible-height"):
        calibrate_rig(wrong, filmed(BOARDS["charuco"], CAMERAS, 30, noise=0.1), SIZES, floor=0)


def test_mirrored_images_of_a_checkerboard_contradict_the_others():
    board = BOARDS["checkerboard"]
    views = filmed(board, CAMERAS, 40, noise=0.1)
    across, down = board.columns - 1, board.rows - 1
    order = np.arange(across * down).reshape(down, across)[::-1].ravel()  # a mirrored one, turned by a half turn
    mirrored = [
        replace(view, pixels=(view.pixels * [-1, 1] + [SIZE[0], 0])[order]) if view.camera == "b" else view
        for view in views
    ]
    with refuses(CalibrationError, "contradicting-views"):
        calibrate_rig(board, mirrored, SIZES)


def test_frames_of_other_times_contradict_the_others():
    views = [replace(view, frame=(view.frame + 3) % 25) if view.camera == "b" else view for view in _views()]
    with refuses(CalibrationError, "contradicting-views"):
        calibrate_rig(BOARDS["charuco"], views, SIZES)
