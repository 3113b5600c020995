"""Captures and streamed samples in rooms: their files, their truth, and that `off` changes nothing."""

import json
from dataclasses import replace

import cv2
import helpers
import numpy as np
import pytest
import torch
from known import known

from posegaussian import config
from posegaussian.captures.formats import easymocap
from posegaussian.config import BuiltinSettings, RigSettings, RoomSettings, SensorSettings, StreamSettings
from posegaussian.config.people import BoardSettings
from posegaussian.errors import ConfigError
from posegaussian.pipeline.captures import SCENE_DEPTH_UNIT, write_capture
from posegaussian.synthetic.dataset import capture_scene
from posegaussian.synthetic.dataset.clips import render_clip, render_clips
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.dataset.synthetic_capture import bystander_seeds, person_capture
from posegaussian.synthetic.motion.motion import WALKING_SPEED
from posegaussian.synthetic.rooms.floor_board import LIFTED
from posegaussian.synthetic.rooms.surfaces import OTHER, PERSON

CAPTURE = BuiltinSettings(
    frames=2, size=(96, 96), sources=2, images="png", room=RoomSettings(kinds=("living",), before=0, people=(0, 0))
)
STREAM = StreamSettings(
    size=(96, 96), target_size=(64, 64), sensor=SensorSettings(), room=RoomSettings(kinds=("office", "gym"))
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    root = tmp_path_factory.mktemp("rooms") / "person"
    write_capture(2, root, CAPTURE)
    return root


def read(root, kind, camera, frame=0):
    return known(cv2.imread(str(root / f"{kind}/{camera}/{frame:06d}.png"), cv2.IMREAD_UNCHANGED))


def test_a_capture_holds_the_truth_of_everything(capture):
    for camera in ("00", "01", "t00"):
        image, mask, front = (read(capture, kind, camera) for kind in ("images", "masks", "foregrounds"))
        labels, person, scene = (read(capture, kind, camera) for kind in ("labels", "depths", "scene_depths"))
        assert ((labels == PERSON) == (person > 0)).all() and (labels > PERSON).mean() > 0.3
        gap = abs(scene * SCENE_DEPTH_UNIT - person * 1e-4)[person > 0]
        assert gap.max() <= SCENE_DEPTH_UNIT
        assert (scene[labels > 0] > 0).all()
        np.testing.assert_array_equal(image[mask == 255], front[mask == 255])
        assert not front[mask == 0].any()


def test_the_background_is_the_image_without_the_person_and_their_shadow(capture):
    loaded = easymocap.read(capture)
    for camera in ("00", "01"):
        background, image = loaded.background(camera), loaded.image(camera, 0)
        gap = image.astype(int) - background
        away = cv2.dilate(loaded.mask(camera, 0), np.ones((5, 5))) == 0
        assert gap[away].max() <= 1, "a person adds no light to the room"
        assert (abs(gap[away]).max(1) <= 1).mean() > 0.4
        assert abs(gap[~away]).mean() > 10


def test_without_a_room_of_its_own_a_capture_is_that_of_today(tmp_path, monkeypatch):
    plain = replace(CAPTURE, frames=1, size=(64, 64), room=RoomSettings())
    write_capture(2, tmp_path / "plain", plain)
    monkeypatch.setattr(capture_scene, "draw_room", lambda *_: None)
    write_capture(2, tmp_path / "none", replace(plain, room=RoomSettings(kinds=("off", "living"))))
    one, other = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "plain", tmp_path / "none")
    )
    assert one == other and not any(path.parts[0] == "labels" for path in one)


def test_footage_without_masks_has_those_of_held_out_cameras_alone(tmp_path, capture):
    write_capture(2, tmp_path / "bare", replace(CAPTURE, source_masks=False))
    one, other = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (capture, tmp_path / "bare")
    )
    missing = {str(path.parent) for path in set(one) - set(other)}
    assert missing == {"masks/00", "masks/01", "backgrounds"}
    assert {path: one[path] for path in other} == other


def test_samples_in_rooms(subject):
    sample, again = (render_clip(subject, np.random.default_rng(5), STREAM, 2) for _ in range(2))
    around = sample.surroundings
    assert around is not None and torch.equal(around.images, known(again.surroundings).images)
    mask = sample.pair.masks
    torch.testing.assert_close(sample.pair.images, around.images * mask)
    assert torch.equal(around.labels == PERSON, sample.depth > 0)
    assert torch.equal(around.depth[sample.depth > 0], sample.depth[sample.depth > 0])
    assert (around.labels > PERSON).float().mean() > 0.4 and around.images[
        (mask == 0).expand(-1, -1, 3, -1, -1)
    ].std() > 0.02
    inside = (mask == 1).expand(-1, -1, 3, -1, -1)
    assert abs(around.images - around.foreground)[inside].max() <= 0.5 / 255 + 1e-6
    assert torch.isfinite(around.foreground).all()


def test_other_people_stand_around_and_change_no_truth_of_the_person(subject):
    def render(people, seed):
        settings = replace(STREAM, room=RoomSettings(kinds=("gym",), clutter=(0.0, 0.0), before=0, people=people))
        return render_clips([subject, subject], [np.random.default_rng([seed, clip]) for clip in (0, 1)], settings, 1)

    found = 0
    for seed in range(3):
        alone, together = render((0, 0), seed), render((3, 3), seed)
        empty, full = known(alone.surroundings), known(together.surroundings)
        there = full.labels == OTHER
        assert not (empty.labels == OTHER).any()
        assert torch.equal(alone.depth, together.depth) and torch.equal(alone.pair.masks, together.pair.masks)
        assert torch.equal(empty.labels == PERSON, full.labels == PERSON)
        assert (full.depth[there] > 1).all()
        found += int(there.sum())
    assert found > 100


def test_a_capture_has_bystanders_of_its_split():
    for seed, others in ((5, [6, 7]), (99, [98, 97]), (299, [298, 297]), (1000, [1001, 1002])):
        assert bystander_seeds(seed, 2) == others


def test_people_pass_by_at_their_speed_and_are_no_part_of_the_background():
    settings = replace(
        CAPTURE,
        frames=7,
        fps=6,
        size=(48, 48),
        room=RoomSettings(kinds=("outdoors",), people=(1, 1), passing=1.0, clutter=(0, 0), before=0),
    )
    around = known(person_capture(2, settings).scene.surroundings)
    x, y, yaw, speed = around.room.others[0].tolist()
    assert 0.3 < speed < WALKING_SPEED + 1e-6
    path = []
    for frame in range(7):
        (posed,), spots = around.others_at(frame)
        path.append(posed.vertices[0, :, :2].mean(0).numpy())
        np.testing.assert_allclose(path[-1], known(spots).place[0], atol=0.25)
        assert abs(posed.vertices[..., 2].min()) < 0.01
    ahead = np.array([np.sin(yaw), -np.cos(yaw)])
    np.testing.assert_allclose(path, path[3] + speed * (np.arange(7)[:, None] - 3) / 6 * ahead, atol=0.08)
    np.testing.assert_allclose(path[3], [x, y], atol=0.15)  # the middle of their outline is there
    assert around.others_at(None) == ([], None)


def test_a_board_lies_on_the_floor_where_its_file_says(tmp_path):
    board = BoardSettings(kind="checkerboard", columns=7, rows=5, square=0.1)
    room = RoomSettings(kinds=("black",), people=(0, 0), before=0, clutter=(0, 0), board=board)
    settings = replace(
        CAPTURE, frames=1, size=(448, 448), room=room, rig=RigSettings(pitch=(35, 40), radius=(2.4, 2.6))
    )
    write_capture(2, tmp_path / "board", settings)
    written = json.loads((tmp_path / "board/board.json").read_text())
    corners = np.array(written["frames"]["000000"])
    assert (written["columns"], written["square"]) == (7, 0.1) and corners.shape == (24, 3)
    np.testing.assert_allclose(corners[:, 2], LIFTED, atol=1e-6)
    sides = np.linalg.norm(np.diff(corners.reshape(4, 6, 3), axis=1), axis=2)
    np.testing.assert_allclose(sides, 0.1, atol=1e-5)
    loaded, seen = easymocap.read(tmp_path / "board"), 0
    for name, camera in loaded.cameras.items():
        grey = cv2.cvtColor(loaded.image(name, 0), cv2.COLOR_RGB2GRAY)
        turn, shift = cv2.Rodrigues(camera.world_to_camera[:3, :3])[0], camera.world_to_camera[:3, 3]
        true = cv2.projectPoints(corners, turn, shift, camera.intrinsics, camera.distortion)[0][:, 0] - 0.5
        there, found = cv2.findChessboardCornersSB(grey, (6, 4))
        if there:
            criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
            found = cv2.cornerSubPix(grey, found.astype(np.float32), (4, 4), (-1, -1), criteria).reshape(-1, 2)
            error = min(np.linalg.norm(each - true, axis=1).max() for each in (found, found[::-1]))
            assert error < 0.15, f"{name}: {error:.3f} px, with squares of 15 px"
            seen += 1
    assert seen > 0


def test_mirrors_and_posters_change_images_but_no_truth_of_the_person():
    plain = replace(CAPTURE, frames=1, room=RoomSettings(kinds=("living",), people=(0, 0), before=0, clutter=(0, 0)))
    full = replace(plain, room=replace(plain.room, mirrors=1.0, posters=(2, 2)))
    one, other = (person_capture(2, settings) for settings in (plain, full))
    around = known(other.scene.surroundings)
    assert len(around.room.mirrors) == 1 and around.shown
    assert [person.seed for person in around.shown] == [3, 4][: len(around.shown)]
    changed = 0.0
    for (_, here), (_, there) in zip(one.render(0), other.render(0), strict=True):
        np.testing.assert_array_equal(here.mask, there.mask)
        np.testing.assert_array_equal(here.depth, there.depth)
        np.testing.assert_array_equal(known(here.room).labels == PERSON, known(there.room).labels == PERSON)
        assert not (known(there.room).labels == OTHER).any()
        changed += float((abs(here.image.astype(int) - there.image) > 20).mean())
    assert changed > 0.05


def test_samples_with_mirrors_and_posters_have_the_same_truth_of_the_person(subject):
    def render(**options):
        settings = replace(STREAM, room=RoomSettings(kinds=("gym",), people=(0, 0), before=0, **options))
        return render_clips([subject, subject], [np.random.default_rng([7, clip]) for clip in (0, 1)], settings, 1)

    plain, full = render(), render(mirrors=1.0, posters=(3, 3), reflection=(1, 1))
    assert torch.equal(plain.depth, full.depth) and torch.equal(plain.pair.masks, full.pair.masks)
    here, there = known(plain.surroundings), known(full.surroundings)
    assert torch.equal(here.labels == PERSON, there.labels == PERSON) and not (there.labels == OTHER).any()
    assert (abs(here.images - there.images) > 0.1).float().mean() > 0.01


def test_two_boards_are_refused():
    with helpers.refuses(ConfigError, "invalid-settings"):
        config.parse(BuiltinSettings, {"room": {"board": {}}, "people": {"things": ["board"]}})


def test_cameras_stand_above_the_floor(subject):
    settings = replace(STREAM, rig=RigSettings(pitch=(-60.0, -50.0), radius=(3.0, 4.0)))
    sample = render_clip(subject, np.random.default_rng(0), settings, 1)
    assert (sample.pair.cameras.centre[..., 2] > 0.1).all() and (sample.target_camera.centre[..., 2] > 0.1).all()


def test_every_upright_pair_of_the_default_rig_stands_above_the_floor(subject):
    """Cameras that would stand below the floor rise together: each for itself, they would meet there."""
    settings, extent = replace(STREAM, rig=RigSettings(vertical=1.0)), subject.poses.extent(np.zeros(1, int))
    for seed in range(200):
        scene = draw_stereo_scene(np.random.default_rng(seed), settings, extent)
        lower, upper = sorted(scene.declared.centre[:, 2].tolist())
        assert lower > 0.1 and upper - lower > 0.2 and scene.baseline > 5


def test_where_a_clip_draws_no_room_the_wall_is_even(subject):
    level = RigSettings(
        pitch=(0.0, 20.0), above=(0.0, 5.0), vertical=0.0
    )  # no camera below the floor, which would be raised
    mixed = replace(STREAM, rig=level, room=RoomSettings(kinds=("off", "office")))
    plain = replace(mixed, room=RoomSettings())
    for seed in range(8):
        sample = render_clip(subject, np.random.default_rng(seed), mixed, 1)
        assert sample.surroundings is not None
        if not (sample.surroundings.labels > PERSON).any():
            other = render_clip(subject, np.random.default_rng(seed), plain, 1)
            assert torch.equal(sample.pair.images, other.pair.images) and torch.equal(sample.target, other.target)
            assert other.surroundings is None
            return
    raise AssertionError("no clip without a room in 8")
