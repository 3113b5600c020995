"""Rooms against closed forms: parallax, coverage, mattes, light and shadows; and what random rooms promise."""

import cv2
import helpers
import numpy as np
import pytest
import torch
from known import known

from posegaussian import config
from posegaussian.config import LightSettings, RoomSettings
from posegaussian.config.people import BoardSettings
from posegaussian.errors import ConfigError
from posegaussian.synthetic.mesh.mesh_colours import MeshColours
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.people.bake import BakedMesh
from posegaussian.synthetic.people.subject_mesh import PosedMesh, SubjectMesh
from posegaussian.synthetic.renderer.lights import Lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import render_colours, render_ground_truth
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import RigCamera, look_at
from posegaussian.synthetic.rooms.baking import LIFT
from posegaussian.synthetic.rooms.bystanders import Bystanders
from posegaussian.synthetic.rooms.contact import contact_at
from posegaussian.synthetic.rooms.darkening import Shade, composed, contact_map, dark_pixels, darkness
from posegaussian.synthetic.rooms.drawing import KINDS, draw_room
from posegaussian.synthetic.rooms.hanging import GLASS, SILVER
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.palette import Palette
from posegaussian.synthetic.rooms.pictures import Picture
from posegaussian.synthetic.rooms.posters import hung
from posegaussian.synthetic.rooms.reflection import SeenRoom, sample_rays
from posegaussian.synthetic.rooms.room import Fixtures, Room, RoomMesh
from posegaussian.synthetic.rooms.surfaces import OBJECT, PERSON, ROOM, Builder
from posegaussian.synthetic.rooms.view import (
    plate,
    room_truth,
    view_room,
    visible_truth,
)
from posegaussian.types import Camera

SIZE, FOCAL = 96, 90.0
FIRST = torch.zeros(1, dtype=torch.long)
MIDDLE = torch.tensor([0.0, 0, 1])


def camera(eye, towards=(0.0, 0, 1)) -> Camera:
    matrix = np.array([[FOCAL, 0, SIZE / 2 + 0.3], [0, FOCAL, SIZE / 2 - 0.4], [0, 0, 1]])
    return camera_batch([RigCamera(matrix, look_at(np.array(eye, float), np.array(towards, float)), SIZE, SIZE)])


def pixels(view: Camera, points) -> np.ndarray:
    """Pixels of points in the world, written out."""
    pose, lens = view.world_to_camera[0].double().numpy(), view.intrinsics[0].double().numpy()
    local = np.asarray(points, float) @ pose[:3, :3].T + pose[:3, 3]
    return (local / local[:, 2:]) @ lens[:2].T


def area(corners: np.ndarray) -> float:
    """Of a polygon (the shoelace formula)."""
    x, y = corners.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def room_of(build, ambient: float = 0.0, lamp=(0.0, 0, 40), strength: float = 0.0, **rest) -> Room:
    """A room of what `build` adds to a builder and a palette, with one lamp."""
    builder, palette = Builder(np.random.default_rng(0)), Palette(np.random.default_rng(1))
    build(builder, palette)
    values = {
        "centre": [lamp],
        "axes": np.zeros((1, 2, 3)), "facing": np.zeros((1, 3)), "strengths": np.full((1, 3), strength),
        "distance": [np.linalg.norm(np.array(lamp) - [0, 0, 1])], "fades": [0.0], "ambient": np.full(3, ambient),
        "bounce": np.ones((6, 3)), "low": np.full(3, -1e3), "high": np.full(3, 1e3), "turn": np.eye(3),
        "blocks": builder.blocks(),
    }  # fmt: skip
    fixtures = Fixtures(**{name: torch.tensor(np.array(value), dtype=torch.float32) for name, value in values.items()})
    return Room.of("test", builder.panels(), palette.rows(), np.zeros(3), fixtures, False, **rest)


def wall_with_a_mark(builder, palette):
    """A black wall at y = 2 and a white, glowing mark on it."""
    builder.place(label=ROOM)
    builder.panel((-3, 2, -1), (6, 0, 0), (0, 0, 4), palette.add("plain", (0.0, 0, 0)))
    builder.panel(
        (-0.6, 1.999, 0.6), (1.2, 0, 0), (0, 0, 0.9), palette.add("plain", (1.0, 1, 1), (1.0, 1, 1), glow=1.0)
    )


MARK = np.array([[-0.6, 1.999, 0.6], [0.6, 1.999, 0.6], [0.6, 1.999, 1.5], [-0.6, 1.999, 1.5]])


def floor(builder, palette):
    builder.place(label=ROOM)
    builder.panel((-4, -4, 0), (8, 0, 0), (0, 8, 0), palette.add("plain", (0.5, 0.5, 0.5)))


def person(vertices, faces) -> PosedMesh:
    """A rigid white mesh instead of a person."""
    vertices, faces = np.asarray(vertices, float), np.asarray(faces)
    texels = np.full((3 * len(faces), 5), 128, np.uint8)
    texels[:, :3] = 255
    colours = MeshColours(np.ones(len(faces), np.uint8), 3 * np.arange(len(faces)), texels)
    baked = BakedMesh.rigid(vertices, vertex_normals(vertices, faces), faces, colours)
    return SubjectMesh.of(baked).posed(torch.eye(3, 4)[None, None])


def board(x=(-0.3, 0.3), z=(0.5, 1.5), y=0.0) -> PosedMesh:
    """An upright rectangle."""
    corners = [(x[0], y, z[0]), (x[1], y, z[0]), (x[1], y, z[1]), (x[0], y, z[1])]
    return person(corners, [[0, 1, 2], [0, 2, 3]])


def lights(direction=(0.0, 0, 1), strength=0.0, ambient=0.0, softness=0.001) -> Lights:
    tensor = torch.tensor
    return Lights(
        tensor([direction]), tensor([[strength] * 3]), tensor([ambient] * 3), torch.zeros(3), tensor(softness)
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
