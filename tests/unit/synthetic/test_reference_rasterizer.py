"""The plain rasteriser of the tests against closed forms."""

import numpy as np
import pytest

from posegaussian.synthetic.mesh.material import Material, without_relief
from posegaussian.synthetic.mesh.mesh import Mesh, vertex_normals
from posegaussian.synthetic.renderer.raster import Light, photograph
from posegaussian.synthetic.rigs.rig import View, look_at

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
        material_ids=np.zeros(len(faces), int),
        materials=(Material("test", without_relief(texture)),),
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
