"""People rendered on CUDA: the images and ground truth of the CPU, the same bytes again, no waiting for the device."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from known import known

from posegaussian.config import PeopleSettings, RoomSettings, SensorSettings, StreamSettings
from posegaussian.synthetic.dataset.clips import render_clips
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.people.prepared_subject import prepare_subject
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer import projection, render, zbuffer
from posegaussian.synthetic.renderer.acceleration import has_triton
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.zbuffer import rasterize_numba, rasterize_torch, rasterize_triton
from posegaussian.synthetic.rooms import darkening, lit_room, view
from posegaussian.synthetic.sensors import sensor
from posegaussian.types import stack

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
SETTINGS = StreamSettings(size=(160, 128), target_size=(201, 150))
ROOMS = RoomSettings(kinds=("living", "office", "gym", "green", "black", "dome", "outdoors"))
GLASS = {"mirrors": 1.0, "posters": (2, 2), "reflection": (1, 1)}
ROUNDING = 1e-6
"""Divisions of bytes by 255 may differ by a last bit."""


@pytest.fixture(scope="module")
def people():
    return [prepare_subject(seed, PeopleSettings(), 6, 30, 0.008) for seed in (1002, 1003)]


def clips(people, device, settings=SETTINGS):
    subjects = [Subject.of(person, device) for person in people]
    return render_clips(subjects, [np.random.default_rng([5, i]) for i in range(len(subjects))], settings, 2)


def without_triton(monkeypatch):
    for module in (render, projection, sensor, zbuffer, darkening, lit_room, view):
        monkeypatch.setattr(module, "has_triton", lambda: False)


def test_the_stream_is_rendered_by_triton():
    assert has_triton()


@pytest.mark.parametrize("back_end", [rasterize_torch, rasterize_triton, partial(rasterize_triton, large=True)])
def test_the_z_buffer_agrees_with_the_cpu_to_the_bit(people, back_end):
    subject = Subject.of(people[0])
    times = np.arange(3)
    scene = draw_stereo_scene(np.random.default_rng(5), SETTINGS, subject.poses.extent(times))
    camera = stack([scene.declared[0], scene.declared[1], scene.declared[0]])
    points = project_vertices(subject.posed(times).vertices, camera)
    here = rasterize_numba(points, subject.mesh.faces, 160, 128)
    there = back_end(points.cuda(), subject.mesh.faces.cuda(), 160, 128)
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one, other.cpu())


@pytest.mark.parametrize("triton", [True, False])
def test_samples_agree_with_the_cpu(people, triton, monkeypatch):
    if not triton:
        without_triton(monkeypatch)
    here, there = clips(people, "cpu"), clips(people, "cuda").to("cpu")
    for name in ("depth", "parts", "disparity", "visible", "target_mask", "target_depth", "joint_visible"):
        assert torch.equal(getattr(here, name), getattr(there, name)), name
    assert torch.equal(here.pair.masks, there.pair.masks)
    gap = abs(here.target - there.target)
    assert gap.max() < 1.01 / 255 and (gap > ROUNDING).float().mean() < 1e-3
    gap = abs(here.pair.images - there.pair.images)
    assert (gap > 1.01 / 255).float().mean() < 1e-3


def test_colours_before_the_sensor_agree_to_rounding(people):
    plain = replace(SETTINGS, sensor=SensorSettings())
    here, there = clips(people, "cpu", plain), clips(people, "cuda", plain).to("cpu")
    gap = abs(here.pair.images - there.pair.images)
    assert gap.max() < 1.01 / 255 and (gap > ROUNDING).float().mean() < 1e-3


@pytest.mark.parametrize("triton", [True, False])
@pytest.mark.parametrize("kind", ROOMS.kinds)
def test_rooms_agree_with_the_cpu(people, kind, triton, monkeypatch):
    if not triton:
        without_triton(monkeypatch)
    settings = replace(SETTINGS, sensor=SensorSettings(), room=RoomSettings(kinds=(kind,)))
    here, there = clips(people, "cpu", settings), clips(people, "cuda", settings).to("cpu")
    assert torch.equal(here.depth, there.depth) and torch.equal(here.pair.masks, there.pair.masks)
    assert torch.equal(known(here.surroundings).depth, known(there.surroundings).depth)
    assert torch.equal(known(here.surroundings).labels, known(there.surroundings).labels)
    gap = abs(known(here.surroundings).images - known(there.surroundings).images)
    assert (gap > 1.01 / 255).float().mean() < 1e-3, "a vertex at a shadow's edge may fall to either side"
    gap = abs(known(here.surroundings).foreground - known(there.surroundings).foreground)
    assert (gap > ROUNDING).float().mean() < 1e-3, "so may a vertex of the person at a shadow's edge"


@pytest.mark.parametrize("triton", [True, False])
@pytest.mark.parametrize("kind", ["living", "office", "gym"])
def test_mirrors_and_posters_agree_with_the_cpu(people, kind, triton, monkeypatch):
    if not triton:
        without_triton(monkeypatch)
    settings = replace(SETTINGS, sensor=SensorSettings(), room=RoomSettings(kinds=(kind,), people=(0, 0), **GLASS))
    here, there = clips(people, "cpu", settings), clips(people, "cuda", settings).to("cpu")
    assert torch.equal(here.depth, there.depth) and torch.equal(here.pair.masks, there.pair.masks)
    assert torch.equal(known(here.surroundings).labels, known(there.surroundings).labels)
    gap = abs(known(here.surroundings).images - known(there.surroundings).images)
    assert (gap > 2.01 / 255).float().mean() < 4e-3, "samples at the edges of what is mirrored may fall to either side"


@pytest.mark.parametrize("options", [{}, GLASS], ids=["plain", "glass"])
def test_rooms_give_the_same_bytes_again_and_wait_for_nothing(people, options):
    settings = replace(SETTINGS, room=replace(ROOMS, **options))
    first = clips(people, "cuda", settings)
    subjects = [Subject.of(person, "cuda") for person in people]
    rngs = [np.random.default_rng([5, i]) for i in range(len(subjects))]
    torch.cuda.set_sync_debug_mode("error")
    try:
        second = render_clips(subjects, rngs, settings, 2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(known(first.surroundings).images, known(second.surroundings).images)
    assert torch.equal(first.pair.images, second.pair.images) and torch.equal(first.target, second.target)


def test_developed_images_agree_to_a_level(people):
    """Linear light, metering and tone curves: sums over an image may differ in the last bit of a float64."""
    sensor = SensorSettings(
        metering=(1, 1), grey_world=(0.5, 0.5), centre=(0.5, 0.5), white=(3, 3), contrast=(0.3, 0.3)
    )
    photo = replace(SETTINGS, sensor=sensor, light=replace(SETTINGS.light, linear=True))
    here, there = clips(people, "cpu", photo), clips(people, "cuda", photo).to("cpu")
    for gap in (abs(here.pair.images - there.pair.images), abs(here.target - there.target)):
        assert gap.max() < 1.01 / 255 and (gap > ROUNDING).float().mean() < 2e-3


def test_the_same_bytes_again(people):
    first, second = clips(people, "cuda"), clips(people, "cuda")
    assert torch.equal(first.pair.images, second.pair.images) and torch.equal(first.target, second.target)
    assert torch.equal(first.depth, second.depth)


def test_nothing_waits_for_the_device(people):
    subjects = [Subject.of(person, "cuda") for person in people]
    rngs = [[np.random.default_rng([5, i]) for i in range(2)] for _ in range(2)]
    render_clips(subjects, rngs[0], SETTINGS, 2)
    torch.cuda.set_sync_debug_mode("error")
    try:
        render_clips(subjects, rngs[1], SETTINGS, 2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
