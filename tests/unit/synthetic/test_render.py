"""The renderer against closed forms: depth, coverage, texture, order of depth, inner sides and light."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posegaussian.synthetic.mesh.mesh_colours import MeshColours, grid_sizes, sample_places, texel_layout
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.people.bake import BakedMesh
from posegaussian.synthetic.people.subject_mesh import SubjectMesh
from posegaussian.synthetic.renderer.lights import DECODED, Lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import GroundTruth, RenderedColours, render_colours, render_ground_truth
from posegaussian.synthetic.renderer.shading import INNER_SIDE, SKY_GRADIENT
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import RigCamera, look_at

WIDTH, HEIGHT = 64, 48
CAMERA = RigCamera(np.array([[80.0, 0, 30.3], [0, 75.0, 25.2], [0, 0, 1]]), np.eye(4), WIDTH, HEIGHT)
FIRST = torch.zeros(1, dtype=torch.long)


def white(points):
    return np.ones_like(points)


def mesh(vertices, faces, texture=white) -> BakedMesh:
    vertices, faces = np.asarray(vertices, float), np.asarray(faces)
    grids = grid_sizes(vertices, faces, 0.02)
    starts, total = texel_layout(grids)
    places, samples = sample_places(vertices, faces, np.arange(len(faces)), grids, starts)
    texels = np.full((total, 5), 128, np.uint8)  # slopes of 0
    texels[samples, :3] = np.round(255 * texture(places))
    return BakedMesh.rigid(
        vertices, vertex_normals(vertices, faces), faces, MeshColours(grids.astype(np.uint8), starts, texels)
    )


def lights(ambient: float, direction=(0.6, 0.0, 0.8), strength: float = 0.0) -> Lights:
    return Lights(*(torch.tensor(v) for v in ([direction], [[strength] * 3], [ambient] * 3, [0.0] * 3, 0.01)))


def render(baked: BakedMesh, camera=CAMERA, light=None) -> tuple[RenderedColours, GroundTruth]:
    posed = SubjectMesh.of(baked).posed(torch.eye(3, 4)[None, None])
    light, batch = light or lights(1.0), camera_batch([camera])
    shadows = shadow_map(posed, lamp_camera(light, np.zeros(3))[None])
    return render_colours(posed, FIRST, batch, light, shadows), render_ground_truth(posed, FIRST, batch)


def slanted(texture=white) -> BakedMesh:
    """The plane z = 2 + 0.5 x - 0.3 y, as two large triangles that fill the image."""
    corners = np.array([[-1.5, -1.5], [1.5, -1.5], [1.5, 1.5], [-1.5, 1.5]])
    return mesh(np.column_stack([corners, 2 + corners @ [0.5, -0.3]]), [[0, 2, 1], [0, 3, 2]], texture)


def rays():
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    return (columns - 30.3) / 80, (rows - 25.2) / 75


def test_depth_is_where_the_ray_through_the_pixel_centre_meets_the_plane():
    x, y = rays()
    depth = render(slanted())[1].depth[0].numpy()
    np.testing.assert_allclose(depth, 2 / (1 - 0.5 * x + 0.3 * y), rtol=1e-5)


def test_texture_is_perspective_correct():
    colours = render(slanted(lambda points: np.clip(0.5 + 0.2 * points, 0, 1)))[0].colours[0].numpy()
    x, y = rays()
    depth = 2 / (1 - 0.5 * x + 0.3 * y)
    normal = np.array([0.5, -0.3, -1]) / np.linalg.norm([0.5, -0.3, -1])
    sky = 1 + SKY_GRADIENT * normal[2]
    for channel, slope in enumerate((x, y)):
        expected = np.clip(0.5 + 0.2 * slope * depth, 0, 1) * sky
        assert abs(colours[channel] - expected).max() < 5e-3


def test_coverage_measures_area():
    square = mesh([[-0.1, -0.1, 1], [0.03, -0.1, 1], [0.03, 0.1, 1], [-0.1, 0.1, 1]], [[0, 2, 1], [0, 3, 2]])
    coverage = render(square)[0].coverage[0, 0].numpy()
    edges = np.array([-0.1, 0.03]) * 80 + 30.3
    assert abs(coverage.sum(1).max() - np.ptp(edges)) <= 0.5
    assert set(np.unique(coverage)) <= {0, 0.25, 0.5, 0.75, 1}


def test_nearer_face_wins_and_the_order_of_faces_does_not_matter():
    near, far = [[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]], [[-3.0, -3, 3], [3, -3, 3], [0, 3, 3]]
    one, other = (
        render(mesh([*near, *far], faces))[1].depth[0].numpy()
        for faces in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]])
    )
    np.testing.assert_array_equal(one, other)
    assert one[24, 30] == pytest.approx(2)
    assert set(np.unique(one.round(5)).tolist()) == {0.0, 2.0, 3.0}


def test_inner_side_is_darker():
    outside = slanted()
    inside = mesh(outside.vertices, outside.faces[:, ::-1])
    bright, dark = (render(each)[0].colours.mean() for each in (outside, inside))
    assert float(dark / bright) == pytest.approx(INNER_SIDE, abs=0.01)


def test_shading_of_a_matt_surface_does_not_depend_on_the_viewpoint():
    quad = mesh([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1.0]], [[0, 1, 2], [0, 2, 3]])
    colours = []
    for angle in (-0.5, 0.0, 0.6):
        pose = look_at(np.array([3 * np.sin(angle), -3 * np.cos(angle), 0.2]), np.zeros(3))
        camera = RigCamera(CAMERA.intrinsics, pose, WIDTH, HEIGHT)
        colours.append(render(quad, camera, lights(0.3, (0.6, -0.8, 0.0), 0.5))[0].colours[0, :, 25, 30].numpy())
    assert np.ptp(np.array(colours), axis=0).max() < 1e-5
    np.testing.assert_allclose(colours[0], 0.3 + 0.5 * 0.8, atol=1e-5)


def test_highlight_lies_where_the_normal_halves_the_angle_between_lamp_and_eye():
    """On a mirror-like floor, the highlight is the lamp's mirror image."""
    floor = mesh([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]], [[0, 1, 2], [0, 2, 3]])
    shiny = replace(floor, gloss=np.array([0.6], np.float32), roughness=np.array([0.1], np.float32))
    eye, lamp = np.array([0.0, -1.5, 1.0]), np.array([0.3, 0.8, 0.0])
    lamp[2] = np.sqrt(1 - lamp @ lamp)
    camera = RigCamera(CAMERA.intrinsics, look_at(eye, np.zeros(3)), WIDTH, HEIGHT)
    dark, bright = (render(each, camera, lights(0.0, tuple(lamp.tolist()), 0.7))[0] for each in (floor, shiny))
    high = ((bright.colours - dark.colours) * (dark.coverage == 1))[0, 0].numpy()
    mirrored = lamp * [-1, -1, 1]
    expected = camera.project(eye - mirrored * eye[2] / mirrored[2])
    row, column = np.unravel_index(high.argmax(), high.shape)
    assert abs(np.array([column, row]) + 0.5 - expected).max() < 1
    assert high.max() == pytest.approx(0.6 * 0.7, rel=0.01)
    # Off the peak it falls as Blinn-Phong's lobe with the exponent of this roughness, at most 200.
    rows, columns = np.nonzero(high > 0.05)
    rays = np.column_stack([(columns + 0.5 - 30.3) / 80, (rows + 0.5 - 25.2) / 75, np.ones(len(rows))])
    rays = rays @ camera.world_to_camera[:3, :3]
    half = lamp - rays / np.linalg.norm(rays, axis=1, keepdims=True)
    lobe = 0.42 * (half[:, 2] / np.linalg.norm(half, axis=1)) ** 200
    np.testing.assert_allclose(high[rows, columns], lobe, atol=0.02)


def test_light_is_linear_where_colours_are_decoded():
    """Half the light is half the value, and a colour of 0.5 reflects what sRGB's decoding says: 0.214."""
    quad = mesh([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1.0]], [[0, 1, 2], [0, 2, 3]], lambda p: 0 * p + 0.5)
    camera = RigCamera(CAMERA.intrinsics, look_at(np.array([0.0, -3.0, 0.0]), np.zeros(3)), WIDTH, HEIGHT)
    full, half = (
        render(quad, camera, replace(lights(0.0, (0.0, -1.0, 0.0), s), decoding=torch.tensor(DECODED)))[0].colours
        for s in (1.0, 0.5)
    )
    torch.testing.assert_close(half, full / 2)
    assert full[0, :, 25, 30].numpy() == pytest.approx(0.2159, abs=0.002)  # 128 / 255, decoded
