"""The z-buffer and the surfaces against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posegaussian.config import GPS_GAUSSIAN, BuiltinSettings, PeopleSettings
from posegaussian.synthetic.mesh.material import Material, without_relief
from posegaussian.synthetic.mesh.mesh import Mesh, vertex_normals
from posegaussian.synthetic.mesh.surface import Surface, join, refine
from posegaussian.synthetic.mesh.textures import noise
from posegaussian.synthetic.people.bake import bake
from posegaussian.synthetic.people.cast import Cast
from posegaussian.synthetic.people.person import make_person
from posegaussian.synthetic.people.preparation import Prepared
from posegaussian.synthetic.people.track import track
from posegaussian.synthetic.renderer.photograph import measure
from posegaussian.synthetic.renderer.raster import Light, photograph
from posegaussian.synthetic.rigs.calibration import cameras
from posegaussian.synthetic.rigs.rig import View, capture_rig, look_at

WIDTH, HEIGHT = 64, 48
CAMERA = View(np.array([[80.0, 0, 30.3], [0, 75.0, 25.2], [0, 0, 1]]), np.eye(4), WIDTH, HEIGHT)
FLAT = Light(1.0, np.array([[0.0, 0, 1]]), np.zeros((1, 3)), np.zeros(3))
DULL = Light(1.0, np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(3))


def mesh(vertices, faces, texture=lambda points: np.ones_like(points)):
    vertices, faces = np.asarray(vertices, float), np.asarray(faces)
    return Mesh(
        vertices=vertices,
        normals=vertex_normals(vertices, faces),
        faces=faces,
        canonical=vertices,
        materials=np.zeros(len(faces), int),
        looks=(Material("test", without_relief(texture)),),
        joints=np.zeros((17, 3)),
    )


def slanted(texture=lambda points: np.ones_like(points)):
    """The plane z = 2 + 0.5 x - 0.3 y, as two large triangles that fill the picture."""
    corners = np.array([[-1.5, -1.5], [1.5, -1.5], [1.5, 1.5], [-1.5, 1.5]])
    return mesh(np.column_stack([corners, 2 + corners @ [0.5, -0.3]]), [[0, 2, 1], [0, 3, 2]], texture)


def rays():
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    return (columns - 30.3) / 80, (rows - 25.2) / 75


def test_depth_is_where_the_ray_through_the_pixel_centre_meets_the_plane():
    x, y = rays()
    np.testing.assert_allclose(photograph(slanted(), CAMERA, FLAT).depth, 2 / (1 - 0.5 * x + 0.3 * y), rtol=1e-6)


def test_texture_is_perspective_correct():
    photo = photograph(
        slanted(lambda points: np.clip(0.5 + 0.2 * points, 0, 1)),
        CAMERA,
        DULL,
    )
    x, y = rays()
    depth = 2 / (1 - 0.5 * x + 0.3 * y)
    sky = 1 + 0.15 * photo_normal()[2]
    for channel, slope in enumerate((x, y)):
        expected = np.clip((0.5 + 0.2 * slope * depth) * sky, 0, 1)
        assert abs(photo.image[..., channel] / 255 - expected).max() < 4e-3


def photo_normal():
    normal = np.array([0.5, -0.3, -1])
    return normal / np.linalg.norm(normal)


def test_mask_measures_area_and_sides_share_no_pixel_twice():
    left = mesh([[-0.1, -0.1, 1], [0.03, -0.1, 1], [0.03, 0.1, 1], [-0.1, 0.1, 1]], [[0, 2, 1], [0, 3, 2]])
    mask = photograph(left, CAMERA, FLAT).mask / 255
    edges = np.array([-0.1, 0.03]) * 80 + 30.3
    assert abs(mask.sum(1).max() - np.ptp(edges)) <= 0.5
    assert set(np.unique(photograph(left, CAMERA, FLAT).mask)) <= {0, 64, 128, 191, 255}


def test_nearer_face_wins_and_the_order_of_faces_does_not_matter():
    near, far = [[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]], [[-3.0, -3, 3], [3, -3, 3], [0, 3, 3]]
    one = photograph(mesh([*near, *far], [[0, 1, 2], [3, 4, 5]]), CAMERA, FLAT)
    other = photograph(mesh([*near, *far], [[3, 4, 5], [0, 1, 2]]), CAMERA, FLAT)
    np.testing.assert_array_equal(one.depth, other.depth)
    assert one.depth[24, 30] == pytest.approx(2)
    assert {2.0, 3.0} <= set(np.unique(one.depth).tolist())


def test_inner_side_is_darker():
    outside = slanted()
    inside = mesh(outside.vertices, outside.faces[:, ::-1])
    bright, dark = (photograph(each, CAMERA, DULL).image for each in (outside, inside))
    assert dark.mean() < 0.6 * bright.mean()


def test_shading_does_not_depend_on_the_viewpoint():
    quad = mesh([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1.0]], [[0, 1, 2], [0, 2, 3]])
    light = Light(0.3, np.array([[0.6, -0.8, 0]]), np.full((1, 3), 0.5), np.zeros(3))
    colours = []
    for angle in (-0.5, 0.0, 0.6):
        pose = look_at(np.array([3 * np.sin(angle), -3 * np.cos(angle), 0.2]), np.zeros(3))
        colours.append(photograph(quad, View(CAMERA.intrinsics, pose, WIDTH, HEIGHT), light).image[25, 30])
    assert np.ptp(np.array(colours, int), axis=0).max() == 0
    assert colours[0][0] == round(255 * (0.3 + 0.4))


def square(side=8):
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, side)] * 2), axis=-1).reshape(-1, 2)
    points = np.column_stack([grid, np.zeros(len(grid))])
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + side], 1), np.stack([corner + 1, corner + side + 1, corner + side], 1)]
    )
    return Surface(points, points, np.ones((len(points), 1)), faces)


def area(surface):
    a, b, c = (surface.rest[surface.faces[:, i]] for i in range(3))
    return np.cross(b - a, c - a)[:, 2].sum() / 2


def test_cut_leaves_exactly_the_positive_part():
    whole = square()
    field = 0.55 - whole.canonical @ [0.5, 0.5, 0]
    part, rest = whole.cut(field), whole.cut(-field)
    assert area(part) == pytest.approx(1 - 0.9**2 / 2)
    assert area(part) + area(rest) == pytest.approx(1)
    assert (0.55 - part.canonical @ [0.5, 0.5, 0]).min() == pytest.approx(0, abs=1e-12)
    assert area(join([part, rest])) == pytest.approx(1)


def test_subdivision_rounds_a_sphere():
    octahedron = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    ball = Surface(octahedron, octahedron, np.ones((6, 1)), np.array(faces))
    ball = refine(ball, 1.0).surface
    assert len(ball.faces) == 32 and len(ball.rest) == 18
    radius = np.linalg.norm(ball.rest, axis=1)
    assert radius.max() == pytest.approx(1) and radius.min() > 0.97 * 0.85
    assert np.einsum("fc,fc->f", vertex_normals(ball.rest, ball.faces), ball.rest).min() > 0.7


def test_noise_is_smooth_spread_and_seeded():
    points = np.random.default_rng(0).uniform(-1, 1, (4000, 3))
    values = noise(points, 0.05, 3)
    assert values.min() > -1 and values.max() < 1 and values.std() > 0.2 and abs(values.mean()) < 0.05
    assert abs(noise(points + 1e-7, 0.05, 3) - values).max() < 1e-4
    assert abs(np.corrcoef(values, noise(points, 0.05, 4))[0, 1]) < 0.1


def test_rig_angles_distances_and_margins_are_exact():
    people = np.random.default_rng(1).uniform([-0.5, -0.4, 0], [0.5, 0.4, 1.8], (500, 3))
    middle = (people.min(0) + people.max(0)) / 2
    settings = BuiltinSettings(
        sources=4, size=(320, 240), rig=replace(GPS_GAUSSIAN, baseline=(30.0, 30.0), radius=(2.5, 2.5))
    )
    rig = capture_rig(np.random.default_rng(0), settings, people)
    assert list(rig.views) == ["00", "01", "02", "03", "t00", "t01", "t02"]
    assert rig.pairs == [("00", "01"), ("01", "02"), ("02", "03")]
    offset = {name: view.centre - middle for name, view in rig.views.items()}
    angle = {name: np.degrees(np.arctan2(y, x)) for name, (x, y, _) in offset.items()}
    for i, (a, b) in enumerate(rig.pairs):
        assert angle[b] - angle[a] == pytest.approx(30)
        assert angle[f"t{i:02d}"] - angle[a] == pytest.approx(15)
    for name, view in rig.views.items():
        assert np.linalg.norm(offset[name]) == pytest.approx(2.5) and offset[name][2] == pytest.approx(0)
        rotation = view.world_to_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        pixels = view.project(people)
        assert min(*(pixels.min(0) / [320, 240]), *(1 - pixels.max(0) / [320, 240])) == pytest.approx(0.05)
        assert view.project(middle) == pytest.approx(view.intrinsics[:2, 2])


def test_the_engine_measures_the_depth_that_this_plain_rasteriser_measures():
    person = make_person(1, PeopleSettings())
    baked = bake(person, 0.01)
    cast = Cast.of(Prepared(1, baked, track(person, baked, 1, 30)))
    rig = capture_rig(
        np.random.default_rng(0), BuiltinSettings(sources=2, size=(200, 160)), cast.track.extent(np.zeros(1, int))
    )
    view = rig.sources["00"]
    plain = photograph(person.posed(0.0), view, FLAT)
    ours = measure(cast.posed(np.zeros(1, int)), torch.zeros(1, dtype=torch.long), cameras([view])).depth[0].numpy()
    both = (plain.depth > 0) & (ours > 0)
    assert (plain.depth > 0).sum() > 3000 and ((plain.depth > 0) != (ours > 0)).mean() < 1e-3
    # The engine keeps the four strongest bones of a vertex.
    assert np.median(abs(plain.depth - ours)[both]) < 5e-5 and np.quantile(abs(plain.depth - ours)[both], 0.99) < 5e-3
