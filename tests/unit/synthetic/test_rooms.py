"""Rooms against closed forms: parallax, coverage, mattes, light and shadows; and what random rooms promise."""

import cv2
import helpers
import numpy as np
import pytest
import torch
from known import known
from room_parts import (
    FIRST,
    MARK,
    MIDDLE,
    SIZE,
    area,
    board,
    camera,
    floor,
    lights,
    person,
    pixels,
    room_of,
    wall_with_a_mark,
)

from posegaussian import config
from posegaussian.config import LightSettings, RoomSettings
from posegaussian.config.people import BoardSettings
from posegaussian.errors import ConfigError
from posegaussian.synthetic.renderer.lights import lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import render_colours, render_ground_truth
from posegaussian.synthetic.rooms.baking import LIFT
from posegaussian.synthetic.rooms.contact import contact_at
from posegaussian.synthetic.rooms.darkening import Shade, composed, contact_map, dark_pixels, darkness
from posegaussian.synthetic.rooms.drawing import KINDS, draw_room
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.reflection import sample_rays
from posegaussian.synthetic.rooms.room import RoomMesh
from posegaussian.synthetic.rooms.surfaces import OBJECT, PERSON, ROOM
from posegaussian.synthetic.rooms.view import (
    plate,
    room_truth,
    view_room,
    visible_truth,
)


@pytest.mark.parametrize("eye", [(-1.0, -2, 1.2), (0.9, -1.7, 1.0)])
def test_a_mark_on_the_wall_is_where_each_camera_sees_it(eye):
    view = camera(eye)
    image = plate(view_room(LitRoom.of(room_of(wall_with_a_mark)), view))[0, 0].numpy()
    corners = pixels(view, MARK)
    perimeter = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum()
    bright = image / np.median(image[image > 0.5])
    assert abs(bright.sum() - area(corners)) < 0.06 * perimeter  # 2 x 2 samples a pixel
    x = np.arange(SIZE) + 0.5
    found = np.array([(bright * x).sum(), (bright * x[:, None]).sum()]) / bright.sum()
    fine = np.stack(np.meshgrid(np.linspace(-0.6, 0.6, 200), [1.999], np.linspace(0.6, 1.5, 200)), -1).reshape(-1, 3)
    weight = 1 / (fine @ view.world_to_camera[0, 2, :3].double().numpy() + float(view.world_to_camera[0, 2, 3])) ** 3
    assert abs(found - (pixels(view, fine) * weight[:, None]).sum(0) / weight.sum()).max() < 0.1


def test_a_distorted_lens_sees_the_mark_where_opencv_projects_it():
    view, distortion = camera((-1.0, -2, 1.2)), np.array([-0.2, 0.05, 0.01, -0.01, 0.0])
    lens = torch.from_numpy(distortion)[None].float()
    rays = sample_rays(view, distortion)
    image = plate(view_room(LitRoom.of(room_of(wall_with_a_mark)), view, lens, rays))[0, 0].numpy()
    plain = plate(view_room(LitRoom.of(room_of(wall_with_a_mark)), view))[0, 0].numpy()
    assert abs(image - plain).max() > 0.5
    pose = view.world_to_camera[0].double().numpy()
    turn, matrix = cv2.Rodrigues(pose[:3, :3])[0], view.intrinsics[0].double().numpy()
    share = np.linspace(0, 1, 50, endpoint=False)[:, None, None]
    sides = (1 - share) * MARK + share * np.roll(MARK, -1, axis=0)
    outline = sides.transpose(1, 0, 2).reshape(-1, 3)
    corners = cv2.projectPoints(outline, turn, pose[:3, 3], matrix, distortion)[0][:, 0]
    bright = image / np.median(image[image > 0.5])
    perimeter = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum()
    assert abs(bright.sum() - area(corners)) < 0.06 * perimeter
    columns, rows = np.nonzero(bright.max(0) > 0.4)[0], np.nonzero(bright.max(1) > 0.4)[0]
    assert abs(np.array([columns[0], columns[-1] + 1]) - [corners[:, 0].min(), corners[:, 0].max()]).max() < 1
    assert abs(np.array([rows[0], rows[-1] + 1]) - [corners[:, 1].min(), corners[:, 1].max()]).max() < 1


def test_depth_of_the_wall_is_that_of_the_plane_in_both_cameras():
    lit = LitRoom.of(room_of(wall_with_a_mark))
    for eye in ((-1.0, -2, 1.2), (0.9, -1.7, 1.0)):
        view = camera(eye)
        truth = room_truth(lit, view)
        x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
        rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(view.intrinsics[0].double().numpy()).T
        pose = view.world_to_camera[0].double().numpy()
        places = (rays * truth.depth[0].numpy()[..., None] - pose[:3, 3]) @ pose[:3, :3]
        seen = truth.labels[0].numpy() == ROOM
        assert seen.mean() > 0.6
        assert abs(places[seen][:, 1] - 2).max() < 2e-3  # the mark stands 1 mm before the wall


def test_the_mesh_has_the_area_of_its_panels():
    def build(builder, palette):
        stuff = palette.add("plain", (0.5, 0.5, 0.5))
        builder.place(0.4, -0.3, 0.7)
        builder.box((0, 0, 0), (1, 0.5, 0.3), stuff, sides=6)
        builder.panel((0, 0, 1), (0.4, 0, 0), (0, 0.9, 0), stuff, half=True)
        builder.lathe([(0.2, 0), (0.1, 0.5)], stuff, 64)

    mesh = RoomMesh.of(room_of(build))
    a, b, c = mesh.vertices[mesh.faces].double().unbind(1)
    total = 0.5 * torch.linalg.cross(b - a, c - a).norm(dim=1).sum().item()
    cone = np.pi * 0.3 * np.hypot(0.1, 0.5)
    assert total == pytest.approx(2 * (0.5 + 0.3 + 0.15) + 0.18 + cone, rel=1e-3)
    assert mesh.normals.norm(dim=1).sub(1).abs().max() < 1e-5


def test_the_matte_is_what_a_box_before_the_person_leaves():
    def build(builder, palette):
        builder.place(label=OBJECT)
        builder.box((-1, -0.9, 0), (0.05, -0.8, 3), palette.add("plain", (1.0, 0, 0)))

    lit, view, shown = LitRoom.of(room_of(build, ambient=1.0)), camera((0.0, -2, 1)), board()
    light = lights(ambient=1.0)
    shadows = shadow_map(shown, lamp_camera(light, np.array([0, 0, 1.0]))[None])
    room = view_room(lit, view)
    rendered = render_colours(shown, FIRST, view, light, shadows, limit=room.depth)
    left = pixels(view, [[0.05, -0.8, 1]])[0, 0]  # the far edge of the box, which the camera sees past
    left = max(left, pixels(view, [[0.05, -0.9, 1]])[0, 0])
    corners = pixels(view, [[-0.3, 0, 0.5], [0.3, 0, 0.5], [0.3, 0, 1.5], [-0.3, 0, 1.5]])
    top, bottom, right = corners[:, 1].min(), corners[:, 1].max(), corners[:, 0].max()
    assert rendered.coverage.sum().item() == pytest.approx((right - left) * (bottom - top), rel=0.02)
    truth, whole = visible_truth(render_ground_truth(shown, FIRST, view), room_truth(lit, view))
    assert ((truth.depth > 0) == (whole.labels == PERSON)).all()
    columns = torch.arange(SIZE) + 0.5
    assert not truth.depth[0, :, columns < left - 1].any() and truth.depth[0, SIZE // 2, int(left) + 2] > 0
    assert (whole.labels[0, :, : int(left) - 8] == OBJECT).float().mean() > 0.5


def test_an_image_is_the_person_and_the_room_by_coverage():
    lit, view, shown = LitRoom.of(room_of(wall_with_a_mark)), camera((0.3, -2, 1.1)), board()
    light = lights(ambient=0.5)
    shadows = shadow_map(shown, lamp_camera(light, np.array([0, 0, 1.0]))[None])
    room = view_room(lit, view)
    rendered = render_colours(shown, FIRST, view, light, shadows, limit=room.depth)
    alone = render_colours(shown, FIRST, view, light, shadows)
    assert torch.equal(alone.coverage, rendered.coverage) and torch.equal(alone.colours, rendered.colours)
    image = composed(room, rendered, torch.ones(1, SIZE, SIZE, 3))
    inside, outside = rendered.coverage[0, 0] == 1, rendered.coverage[0, 0] == 0
    assert torch.equal(image[..., inside], rendered.colours[..., inside])
    assert torch.equal(image[..., outside], plate(room)[..., outside])


def test_the_shadow_lies_where_rays_to_the_lamp_meet_the_person():
    direction = np.array([0.6, 0.0, 0.8])
    lit = LitRoom.of(room_of(floor, ambient=0.2, lamp=tuple(1e4 * direction), strength=0.6))
    view, shown = (
        camera((0.0, -3, 3.0), (-0.4, 0, 0)),
        person([[-0.2, -0.3, 1], [0.2, -0.3, 1], [0.2, 0.3, 1], [-0.2, 0.3, 1]], [[0, 1, 2], [0, 2, 3]]),
    )
    light = lights(tuple(direction.tolist()), 0.6, 0.2)
    lamp = lamp_camera(light, np.array([0, 0, 1.0]))[None]
    room = view_room(lit, view)
    arguments = FIRST, Shade(shadow_map(shown, lamp), light.softness, torch.ones(1, 96, 96), MIDDLE)
    left = darkness(room, *arguments)[0, ..., 0].numpy()
    places = room.points.view(SIZE, SIZE, 3).numpy()
    x, y = places[..., 0] + direction[0] / direction[2], places[..., 1]  # where the ray to the lamp is 1 m high
    inside, outside = (abs(x) < 0.2 - 0.03) & (abs(y) < 0.3 - 0.03), (abs(x) > 0.2 + 0.03) | (abs(y) > 0.3 + 0.03)
    assert inside.sum() > 50
    key = 0.6 * direction[2] / (0.6 * direction[2] + 0.2)
    np.testing.assert_allclose(left[inside], 1 - key, atol=0.01)
    np.testing.assert_allclose(left[outside], 1, atol=0.01)
    few = darkness(dark_pixels(room, lamp, MIDDLE), *arguments)[0, ..., 0].numpy()
    np.testing.assert_allclose(few, left, atol=0.01)


def test_a_floor_receives_the_cosine_law_and_boxes_cast_shadows():
    def build(builder, palette):
        floor(builder, palette)
        builder.place(1.0, 0.0, 0.3, label=OBJECT)
        builder.box((-0.3, -0.3, 0.5), (0.3, 0.3, 0.8), palette.add("plain", (0.5, 0.5, 0.5)), sides=6)

    room = room_of(build, ambient=0.0, lamp=(0.0, 0, 500), strength=0.7)
    lit = LitRoom.of(room)
    on_floor = lit.mesh.vertices[:, 2] == 0
    x, y = lit.mesh.vertices[on_floor, :2].unbind(1)
    received = lit.light[on_floor, 3]
    far = ((x - 1).abs() > 0.5) | (y.abs() > 0.5)
    assert (received[far] - 1).abs().max() < 1e-3
    under = ((x - 1) ** 2 + y**2).sqrt() < 0.25
    assert under.sum() > 4 and received[under].max() == 0
    assert LIFT < 0.05


def test_soles_darken_the_floor_around_them_and_nothing_far_away():
    shoe = person(
        [[-0.05, -0.1, 0.01], [0.05, -0.1, 0.01], [0.05, 0.1, 0.01], [-0.05, 0.1, 0.01]], [[0, 1, 2], [0, 2, 3]]
    )
    free = contact_map(shoe, torch.zeros(3))
    points = torch.tensor([[[0.0, 0, 0], [0.09, 0, 0], [0, 0.16, 0], [1.2, 0, 0], [0, 0, 1.5], [9, 9, 0]]])
    middle, beside, ahead, far, above, outside = contact_at(free, torch.zeros(3), points)[0].tolist()
    assert middle < 0.6 < beside < far and middle < ahead
    assert far > 0.98 and above > 0.99 and outside == 1


@pytest.mark.parametrize("kind", list(KINDS))
def test_random_rooms_hold_the_cameras_and_hide_nobody(kind):
    shown = board((-0.25, 0.25), (0.0, 1.75))
    outline = shown.vertices[0].double().numpy() + np.array([[0, -0.2, 0], [0, 0.2, 0], [0, 0.2, 0], [0, -0.2, 0]])
    for seed in range(3):
        rng = np.random.default_rng(seed)
        angles = rng.uniform(0, 2 * np.pi) + np.array([0.0, 0.4, 2.0])
        eyes = np.column_stack([2.4 * np.cos(angles), 2.4 * np.sin(angles), rng.uniform(0.5, 2.2, 3)])
        drawn = draw_room(rng, RoomSettings(kinds=(kind,), before=0), LightSettings(), eyes, outline)
        assert drawn is not None
        room, light = drawn
        assert room.kind == kind and torch.allclose(light.directions.norm(dim=1), torch.ones(()), atol=1e-5)
        lit = LitRoom.of(room)
        assert torch.isfinite(lit.light).all() and (lit.light >= 0).all() and lit.light[:, 3].max() > 0
        corners = lit.mesh.vertices[lit.mesh.faces].double().numpy()
        for eye in eyes:
            assert np.linalg.norm(corners.mean(1) - eye, axis=1).min() > 0.12
            view = camera(eye, (0.0, 0, 0.9))
            truth = render_ground_truth(shown, FIRST, view)
            visible, whole = visible_truth(truth, room_truth(lit, view))
            assert torch.equal(visible.depth, truth.depth)
            if kind != "outdoors":  # windows show far surroundings
                assert (whole.labels > 0).float().mean() > 0.5


def test_the_same_seed_gives_the_same_room():
    eyes, outline = np.array([[0.0, -2, 1], [1, -2, 1.2]]), np.array([[-0.3, -0.3, 0], [0.3, 0.3, 1.8]])

    def draw(seed):
        rng = np.random.default_rng(seed)
        return known(draw_room(rng, RoomSettings(kinds=("living",)), LightSettings(), eyes, outline))[0]

    one, same, other = draw(3), draw(3), draw(4)
    assert torch.equal(one.origin, same.origin) and torch.equal(one.colours, same.colours)
    assert one.origin.shape != other.origin.shape or not torch.equal(one.origin, other.origin)


def test_a_board_without_a_place_is_one_line():
    """Cameras stand close to the floor wherever the board could lie."""
    angles, outline = np.radians(np.arange(0, 360, 5)), np.array([[-0.3, -0.3, 0], [0.3, 0.3, 1.8]])
    eyes = np.stack([np.cos(angles), np.sin(angles), 0.1 + 0 * angles], axis=1)
    settings = RoomSettings(kinds=("office",), before=0, board=BoardSettings(columns=7, rows=5, square=0.1))
    with helpers.warns("no-place-for-board"):
        room, _ = known(draw_room(np.random.default_rng(0), settings, LightSettings(), eyes, outline))
    assert not len(room.board)


def test_impossible_rooms_are_refused():
    eyes, outline = np.array([[0.0, -4, 1], [3, -2, 1.2]]), np.array([[-0.3, -0.3, 0], [0.3, 0.3, 1.8]])

    def draw(settings, eyes=eyes):
        return draw_room(np.random.default_rng(0), settings, LightSettings(), eyes, outline)

    with helpers.refuses(ConfigError, "room-too-small"):
        draw(RoomSettings(kinds=("living",), size=(3, 3)))
    with helpers.refuses(ConfigError, "camera-below-floor"):
        draw(RoomSettings(kinds=("gym",)), eyes - [0, 0, 1.5])
    assert draw(RoomSettings()) is None


@pytest.mark.parametrize(
    "values", [{"kinds": ["castle"]}, {"kinds": []}, {"size": [1, 3]}, {"before": 2}, {"walls": 3}]
)
def test_wrong_settings_are_one_line(values):
    with helpers.refuses(ConfigError, "invalid-settings"):
        config.parse(RoomSettings, values)


def test_off_may_be_written_as_yaml_reads_it():
    assert config.load_settings(RoomSettings, "{kinds: [off]}").off
    assert not config.load_settings(RoomSettings, "{kinds: [off, gym]}").off
