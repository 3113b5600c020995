"""Mirrors, polished floors and posters: where closed forms put what they show, and what rooms with them keep."""

import cv2
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
    lights,
    person,
    pixels,
    room_of,
    wall_with_a_mark,
)

from posegaussian.config import LightSettings, RoomSettings
from posegaussian.synthetic.renderer.lights import lamp_camera, shadow_map
from posegaussian.synthetic.rooms.bystanders import Bystanders
from posegaussian.synthetic.rooms.darkening import Shade
from posegaussian.synthetic.rooms.drawing import draw_room
from posegaussian.synthetic.rooms.hanging import GLASS, SILVER
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.pictures import Picture
from posegaussian.synthetic.rooms.posters import hung
from posegaussian.synthetic.rooms.reflection import SeenRoom
from posegaussian.synthetic.rooms.surfaces import OBJECT, ROOM
from posegaussian.synthetic.rooms.view import (
    plate,
    room_truth,
    view_room,
)


@pytest.mark.parametrize("distortion", [np.zeros(5), np.array([-0.2, 0.05, 0.01, -0.01, 0.0])], ids=["pinhole", "lens"])
def test_a_polished_floor_shows_the_wall_and_the_person_below_it(distortion):
    def build(builder, palette):
        wall_with_a_mark(builder, palette)
        builder.panel((-3, -3, 0), (6, 0, 0), (0, 5, 0), palette.add("plain", (0.0, 0, 0)))

    rooms, view = (
        (room_of(build, ambient=1.0, mirrors=each) for each in ({}, {2: (GLASS, 1.0)})),
        camera((0.5, -1.5, 1.2), (0.2, 1.0, 0)),
    )
    lens, light = torch.from_numpy(distortion)[None].float(), lights(ambient=1.0)
    shown = board((-0.9, -0.5), (0.4, 0.8), y=0.8)
    shadows = shadow_map(shown, lamp_camera(light, np.array([0, 0, 1.0]))[None])
    shade = Shade(shadows, light.softness, torch.ones(1, 96, 96), MIDDLE)
    matt, polished = (SeenRoom.of(LitRoom.of(room), view, lens) for room in rooms)
    images = [seen.images(shown, FIRST, view, light, shadows, shade)[0] for seen in (matt, polished)]
    gain = (images[1] - images[0])[0, 0].numpy()

    def where(points):
        pose, matrix = view.world_to_camera[0].double().numpy(), view.intrinsics[0].double().numpy()
        return cv2.projectPoints(points, cv2.Rodrigues(pose[:3, :3])[0], pose[:3, 3], matrix, distortion)[0][:, 0]

    eye = view.centre[0].double().numpy()
    for x, y, z, tone in ((0.0, 1.999, 1.05, 2.0), (-0.7, 0.8, 0.6, 1.0)):  # glow and ambient light; ambient light
        column, row = where(np.array([[x, y, -z]]))[0].astype(int)
        towards = np.array([x, y, -z]) - eye
        cosine = -towards[2] / np.linalg.norm(towards)
        fresnel = GLASS + (1 - GLASS) * (1 - cosine) ** 5
        assert gain[row, column] == pytest.approx(tone * fresnel, rel=0.1)
    mark = MARK * np.array([1, 1, -1])
    fine = np.stack(np.meshgrid(np.linspace(-0.6, 0.6, 60), [1.999], np.linspace(-1.5, -0.6, 60)), -1).reshape(-1, 3)
    outline, middle = where(fine), where(mark.mean(0)[None])[0]
    near = np.zeros((SIZE, SIZE), bool)
    low, high = outline.min(0).astype(int), outline.max(0).astype(int) + 1
    near[low[1] : high[1], low[0] : high[0]] = True
    person = where(np.array([[x, 0.8, z] for x in (-0.9, -0.5) for z in (-0.4, -0.8)]))
    low, high = person.min(0).astype(int) - 1, person.max(0).astype(int) + 2
    near[low[1] : high[1], low[0] : high[0]] = True
    assert near[int(middle[1]), int(middle[0])] and abs(gain[~near]).max() < 2e-3


def test_a_mirror_on_a_wall_shows_the_person_where_the_law_of_reflection_says():
    """A box behind the wall and one that sticks through it hide nothing in the mirror."""

    def build(builder, palette):
        black = palette.add("plain", (0.0, 0, 0))
        builder.place(label=ROOM)
        builder.panel((-3, 2, -1), (6, 0, 0), (0, 0, 4), black)
        builder.panel((-1.0, 1.96, 0.5), (2.0, 0, 0), (0, 0, 1.5), black)
        bright = palette.add("plain", (0.0, 0, 0), glow=1.0)
        builder.box((-2, 2.5, 0), (2, 3, 2), bright, sides=6)
        builder.box((-0.4, 1.5, 0.3), (0.4, 2.5, 0.48), bright, sides=6)

    room = room_of(build, ambient=1.0, mirrors={13: (SILVER, 1.0)})
    assert room.origin[13, 1] == pytest.approx(1.96)
    view, light, shown = camera((0.2, -2.5, 1.2), (0.0, 2, 1.2)), lights(ambient=1.0), board((-0.95, -0.35), (1.0, 1.6))
    shown = person(known(shown.vertices[0]).numpy(), [[0, 2, 1], [0, 3, 2]])  # it faces the mirror
    shadows = shadow_map(shown, lamp_camera(light, np.array([0, 0, 1.0]))[None])
    shade = Shade(shadows, light.softness, torch.ones(1, 96, 96), MIDDLE)
    seen = SeenRoom.of(LitRoom.of(room), view)
    image, alone = seen.images(shown, FIRST, view, light, shadows, shade)
    image = (image - alone.colours)[0, 0]
    corners = known(shown.vertices[0]).double().numpy()
    mirrored = pixels(view, corners * [1, -1, 1] + [0, 2 * 1.96, 0])
    column, row = mirrored.mean(0).astype(int)
    assert image[row, column] == pytest.approx(SILVER, abs=0.01)  # Schlick adds less than 0.001 at 20 degrees
    there = torch.zeros_like(image)
    (left, top), (right, bottom) = mirrored.min(0), mirrored.max(0)
    there[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = 1
    glass = pixels(view, [[-0.97, 1.96, 0.53], [0.97, 1.96, 1.97]]).astype(int)
    inside = (slice(glass[1, 1], glass[0, 1]), slice(glass[0, 0], glass[1, 0]))
    rest = (image * (1 - there))[inside]
    assert rest[: rest.shape[0] // 2].max() < 0.02, "nothing else is bright in the upper half of the mirror"
    assert image[inside].sum() == pytest.approx(SILVER * area(mirrored), rel=0.04)
    labels = room_truth(LitRoom.of(room), view).labels[0][inside]
    assert (labels == ROOM).all()


def test_other_people_hide_mirrors():
    def build(builder, palette):
        builder.place(label=ROOM)
        builder.panel((-1.0, 2, 0), (2.0, 0, 0), (0, 0, 2), palette.add("plain", (0.0, 0, 0)))

    view, light, other = camera((0.0, -2.5, 1.0)), lights(ambient=0.5), board(y=1.0)
    seen = SeenRoom.of(LitRoom.of(room_of(build, mirrors={0: (SILVER, 1.0)})), view)
    spots = Bystanders.of(torch.tensor([[0.0, 1, 0, 0]]), light)
    full = seen.inhabited([other], spots, light).reflections[0].share
    column, row = (2 * pixels(view, [[0.0, 1, 1]])[0]).astype(int)
    assert full[0, row, column] == 0 < seen.reflections[0].share[0, row, column]


def test_a_poster_shows_its_picture_upright_and_unmirrored():
    """The upper left quarter of the sheet is white, the rest has the colour of the paper."""
    grey = (0.2, 0.2, 0.2)
    corners = [[-0.5, 0, 1.0], [0.0, 0, 1.0], [0.0, 0, 2.0], [-0.5, 0, 2.0]]
    shape = person([*corners, [0.5, 0, 0.0]], [[0, 1, 2], [0, 2, 3], [4, 4, 4]])  # which moves the middle

    def build(builder, palette):
        builder.place(label=OBJECT)
        builder.panel((-0.5, 2, 0.5), (1.0, 0, 0), (0, 0, 1.5), palette.add("plain", (1.0, 1, 1), (1.0, 1, 1)))

    room = room_of(build, ambient=1.0, pictures={0: Picture(0, 0.0, 0.0, 2.0, grey)})
    plain = LitRoom.of(room)
    printed, view = hung(plain, [shape]), camera((0.0, -1.0, 1.25), (0.0, 2, 1.25))
    image, white = (plate(view_room(lit, view))[0, 0] for lit in (printed, plain))
    assert hung(plain, []) is plain and white[int(SIZE / 2)].max() > 0.9
    for x, z, lit in ((-0.2, 1.6, True), (0.2, 1.6, False), (-0.2, 0.9, False), (0.2, 0.9, False)):
        column, row = pixels(view, [[x, 2, z]])[0].astype(int)
        found = float(image[row, column] / white[row, column])
        assert (found > 0.5) if lit else found == pytest.approx(grey[0], abs=0.01), (x, z, found)


def test_hard_floors_of_random_rooms_reflect():
    """The floor lies a little below the soles."""
    eyes, outline = np.array([[0.0, -2, 1], [1, -2, 1.2]]), np.array([[-0.3, -0.3, 0], [0.3, 0.3, 1.8]])
    settings, found = RoomSettings(kinds=("gym",), reflection=(1, 1), clutter=(0, 0), before=0), 0
    for seed in range(4):
        room, _ = known(draw_room(np.random.default_rng(seed), settings, LightSettings(), eyes, outline))
        seen = SeenRoom.of(LitRoom.of(room), camera(eyes[0], (0.0, 1.0, 0.0)))
        assert len(seen.reflections) == len(room.mirrors)
        found += sum(float((each.share > 0).float().mean()) > 0.3 for each in seen.reflections)
    assert found >= 2


@pytest.mark.parametrize("kind", ["living", "office", "gym", "black"])
def test_mirrors_and_posters_are_added_to_the_same_room(kind):
    eyes, outline = np.array([[0.0, -2, 1], [1, -2, 1.2]]), np.array([[-0.3, -0.3, 0], [0.3, 0.3, 1.8]])
    count = 0
    for seed in range(3):
        plain, full = (
            known(draw_room(np.random.default_rng(seed), settings, LightSettings(), eyes, outline))[0]
            for settings in (RoomSettings(kinds=(kind,)), RoomSettings(kinds=(kind,), mirrors=1.0, posters=(2, 2)))
        )
        corners = {tuple(row) for row in full.origin.tolist()}
        assert {tuple(row) for row in plain.origin.tolist()} <= corners
        assert plain.mirrors == () and plain.posters is None and torch.equal(plain.others, full.others)
        count += len(full.mirrors) + (0 if full.posters is None else len(full.posters.first))
        for number in full.mirrors:
            assert full.label[number] == ROOM
            middle = full.origin[number] + full.edges[number].sum(0) / 2
            assert torch.dot(full.rows[number, 9:12], middle) < 0, "the mirror faces the person"
    assert count == 0 if kind == "black" else count > 3
