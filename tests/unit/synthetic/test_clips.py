"""Streamed clips: depth, disparity, occlusion, joints and parts agree with the mesh, and textures move with it."""

from contextlib import suppress
from dataclasses import replace

import cv2
import helpers
import numpy as np
import torch
from ray_casting import ray_hits

from posegaussian import config
from posegaussian.config import LightSettings, PeopleSettings, RigSettings, SensorSettings, StreamSettings
from posegaussian.errors import ConfigError
from posegaussian.geometry.projection import project, unproject
from posegaussian.synthetic.dataset.camera_sample import ClipPerson, draw_camera_sample
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.people.bake import PARTS
from posegaussian.synthetic.people.prepared_subject import prepare_subject
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.zbuffer import rasterize, rasterize_numba
from posegaussian.types import JOINTS

SETTINGS = StreamSettings(size=(160, 160), target_size=(200, 240), sensor=SensorSettings(), still=0)
FRAMES = np.array([0, 1])


def surface_distance(points: np.ndarray, subject: Subject, frame: int) -> np.ndarray:
    """Distance of points to the planes of the triangles whose middles lie nearest, metres."""
    vertices = subject.posed(np.array([frame])).vertices[0].double().numpy()
    corners = vertices[subject.mesh.faces.numpy()]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-20
    middles, found = corners.mean(1), []
    for point in points:
        near = np.argpartition(((middles - point) ** 2).sum(1), 12)[:12]
        found.append(abs(((point - middles[near]) * normals[near]).sum(1)).min())
    return np.array(found)


def test_depth_of_one_view_lies_on_the_surface_and_on_the_other_views_depth(subject, samples):
    for sample in samples:
        points = unproject(sample.depth, sample.pair.cameras)
        both = (sample.visible * sample.valid) > 0
        for view in (0, 1):
            seen = both[0, view]
            chosen = points[0, view][seen]
            pixels, depth = project(chosen[None], sample.pair.cameras[:1, 1 - view])
            column, row = pixels[0].long().T
            other = sample.depth[0, 1 - view][row, column]
            # One depth in both views of a rectified pair; the other's pixel centre lies up to half a pixel away.
            assert (abs(depth[0] - other)[other > 0]).median() < 0.004
            row_of = torch.arange(160)[:, None].expand(160, 160)[seen] + 0.5
            assert abs(pixels[0, :, 1] - row_of).max() < 2e-2
            x = torch.arange(160)[None].expand(160, 160)[seen] + 0.5
            shift = sample.disparity[0, view][seen] * (-1 if view == 0 else 1)
            assert abs(pixels[0, :, 0] - (x + shift)).max() < 2e-2
    points = unproject(samples[0].depth, samples[0].pair.cameras)[0, 0][samples[0].depth[0, 0] > 0]
    frame = int(np.argmin([abs(subject.poses.joints[t] - samples[0].joints[0].numpy()).max() for t in range(6)]))
    assert np.median(surface_distance(points[::40].double().numpy(), subject, frame)) < 5e-4


def is_hidden(origin: np.ndarray, target: np.ndarray, corners: np.ndarray) -> bool:
    """Whether a triangle lies between; the last 12 mm before the target do not count, as in the engine."""
    direction = target - origin
    return bool((ray_hits(origin, direction, corners) < 1 - 0.012 / np.linalg.norm(direction)).any())


def test_occlusion_agrees_with_rays(subject, samples):
    rays, maps = [], []
    for sample in samples:
        frame = int(np.argmin([abs(subject.poses.joints[t] - sample.joints[0].numpy()).max() for t in range(6)]))
        vertices = subject.posed(np.array([frame])).vertices[0].double().numpy()
        corners = vertices[subject.mesh.faces.numpy()]
        points = unproject(sample.depth, sample.pair.cameras)[0].double().numpy()
        centres = sample.pair.cameras.centre[0].double().numpy()
        rows, columns = np.nonzero(sample.depth[0, 0].numpy() > 0)
        for i in np.random.default_rng(0).choice(len(rows), 100, replace=False):
            rays.append(is_hidden(centres[1], points[0, rows[i], columns[i]], corners))
            maps.append(bool(sample.visible[0, 0, rows[i], columns[i]] == 0))
    assert sum(rays) > 20
    # What is left lies within a pixel of an edge, and errs to both directed_edges alike.
    assert np.equal(rays, maps).mean() > 0.94
    assert abs(np.mean(rays) - np.mean(maps)) < 0.03


def test_joints_and_parts_lie_on_the_person(samples):
    for sample in samples:
        inside = []
        for view in (0, 1):
            mask = cv2.dilate(sample.pair.masks[0, view, 0].numpy(), np.ones((5, 5)))
            x, y = sample.joints2d[0, view].long().T
            inside.append(mask[y, x] > 0.5)
            assert ((sample.parts[0, view] > 0) == (sample.depth[0, view] > 0)).all()
        assert np.mean(inside) == 1
        assert 0.3 < sample.joint_visible.mean() < 1
        # The part under a joint that is seen is its own, or a neighbour's.
        view, wrist = 0, JOINTS.index("left_wrist")
        if sample.joint_visible[0, view, wrist]:
            x, y = sample.joints2d[0, view, wrist].long()
            assert "left" in PARTS[sample.parts[0, view, y, x]]


def test_texture_follows_the_body(subject):
    """A point of the surface keeps its colour from frame to frame where light is from everywhere."""
    even = config.LightSettings(lamps=(1, 1), key=(0, 0), ambient=(0.8, 0.8), warmth=(0, 0))
    # No relief light, no shadows: what remains is albedo and occlusion, which move with the surface.
    sample = render_clip(subject, np.random.default_rng(3), replace(SETTINGS, light=even, size=(256, 256)), 2)
    posed = subject.posed(FRAMES)
    frames = [int(np.argmin([abs(subject.poses.joints[t] - j.numpy()).max() for t in range(6)])) for j in sample.joints]
    posed = subject.posed(np.array(frames))
    points = project_vertices(posed.vertices, sample.pair.cameras[:, 0])
    face, _ = rasterize_numba(points, subject.mesh.faces, 256, 256)
    images = sample.pair.images[:, 0]
    middles = points[:, subject.mesh.faces].mean(2)
    both = np.intersect1d(face[0][face[0] >= 0].numpy(), face[1][face[1] >= 0].numpy())
    colours = [images[t][:, middles[t, both, 1].long(), middles[t, both, 0].long()] for t in (0, 1)]
    assert abs(colours[0] - colours[1]).mean() < 0.06
    shuffled = colours[1][:, torch.randperm(len(both))]
    assert abs(colours[0] - shuffled).mean() > 2 * abs(colours[0] - colours[1]).mean()


def test_flow_of_the_texture_is_that_of_the_body():
    side = 320
    people = PeopleSettings(garments=("shirt", "trousers"), fabrics=("plaid", "floral", "print"), motions=("walk",))
    subject = Subject.of(prepare_subject(1002, people, 6, 15, 0.004))
    settings = StreamSettings(
        size=(side, side),
        target_size=(32, 32),
        still=0,
        sensor=SensorSettings(),
        rig=RigSettings(radius=(2.0, 2.0), focal=(4.0, 4.0), margin=(0.02, 0.02)),
        light=LightSettings(lamps=(1, 1), key=(0.0, 0.0), ambient=(0.9, 0.9)),
    )
    errors, sizes = [], []
    for seed in range(3):
        sample = render_clip(subject, np.random.default_rng(seed), settings, 2)
        distance = abs(subject.poses.joints - sample.joints[0].numpy()).max((1, 2))
        start = int(distance.argmin())
        assert distance[start] < 1e-6
        points = project_vertices(subject.posed(np.array([start, start + 1])).vertices, sample.pair.cameras[:, 0])
        faces, _ = rasterize(points, subject.mesh.faces, side, side)
        grey = [(255 * image.mean(0)).byte().numpy() for image in sample.pair.images[:, 0]]
        found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey[0], grey[1], None)
        both = np.intersect1d(*(face[face >= 0].numpy() for face in faces))
        middles = points[:, subject.mesh.faces[torch.from_numpy(both)]].mean(2)[..., :2].numpy()
        true = middles[1] - middles[0]
        column, row = middles[0].astype(int).T
        inside = cv2.erode((sample.depth[0, 0].numpy() > 0).astype(np.uint8), np.ones((9, 9)))[row, column] > 0
        corners = cv2.cornerMinEigenVal(grey[0], 5)[row, column]
        inside &= corners > np.quantile(corners, 0.6)  # flow is found where there is texture
        errors.append((found[row, column] - true)[inside])
        sizes.append(np.linalg.norm(true, axis=1)[inside])
    errors, sizes = np.concatenate(errors), np.concatenate(sizes)
    size, error = np.median(sizes), np.median(np.linalg.norm(errors, axis=1))
    print(f"flow of {size:.2f} px, found with an error of {error:.2f} px")
    assert size > 2 and error < 0.1 * size


def test_cameras_that_cannot_see_the_person_are_drawn_anew(subject):
    settings = replace(SETTINGS, rig=RigSettings(radius=(0.8, 4.0), margin=(0.25, 0.4)))
    person = ClipPerson(1002, FRAMES, subject.poses.extent(FRAMES), subject.poses.joints[FRAMES])
    first_draws = {}
    for seed in range(12):
        with suppress(ConfigError):
            first_draws[seed] = draw_stereo_scene(np.random.default_rng(seed), settings, person.extent)
    assert 0 < len(first_draws) < 12
    for seed in range(12):
        sample = draw_camera_sample(person, np.random.default_rng(seed), settings)
        pixels, depth = project(torch.from_numpy(person.extent).float().expand(2, -1, -1), sample.declared[0])
        assert ((pixels >= 0) & (pixels <= 160)).all() and (depth > 0).all()
        if seed in first_draws:
            assert torch.equal(sample.declared.intrinsics[0], first_draws[seed].declared.intrinsics)


def test_cameras_that_can_never_see_the_person_are_refused(subject):
    settings = replace(SETTINGS, rig=RigSettings(radius=0.8, margin=0.4))
    person = ClipPerson(1002, FRAMES, subject.poses.extent(FRAMES), subject.poses.joints[FRAMES])
    with helpers.refuses(ConfigError, "person-out-of-view"):
        draw_camera_sample(person, np.random.default_rng(0), settings)
