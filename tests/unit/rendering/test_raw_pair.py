"""Raw frames in memory: the same Gaussians as from the files of the workflow's stages."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from moving_person import FRAMES, PEOPLE, film
from people_oracle import Oracle

from posegaussian.captures.reading import read_capture
from posegaussian.config import DetectorSettings, FindPeopleSettings, NetworkSettings, RectifySettings
from posegaussian.data.rectified import read_frames
from posegaussian.io import store
from posegaussian.model.network import PoseGaussian
from posegaussian.pipeline import people as stage
from posegaussian.pipeline.heatmaps import extract_heatmaps
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.preparation.device_rectification import DeviceRectifier
from posegaussian.preparation.mattes.matte import DeviceView, Matte
from posegaussian.rendering import raw_pair
from posegaussian.rendering.raw_pair import KnownFrame, RawPair
from posegaussian.rendering.reconstruct import reconstruct_frames

SETTINGS = RectifySettings(size=(64, 64), color="off")


@pytest.fixture
def root(tmp_path, monkeypatch):
    return film(tmp_path / "capture", monkeypatch)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return PoseGaussian(NetworkSettings(iterations=1)).eval()


def from_files(root, network, folder):
    """The reconstructions of the stages people, rectify and heatmaps."""
    people, rectified, heatmaps = (folder / f"{name}.h5" for name in ("people", "rectified", "heatmaps"))
    stage.write_people(root, people, FindPeopleSettings())
    rectify_capture(root, rectified, SETTINGS, people=people)
    extract_heatmaps(rectified, heatmaps, DetectorSettings(kind="blazepose"), people)
    with (
        store.open_checked(rectified, store.RECTIFIED) as source,
        store.open_checked(heatmaps, store.HEATMAPS) as pose,
    ):
        return [one for (one,) in reconstruct_frames(network, read_frames(source, pose), torch.device("cpu"))]


def known_frames(pair, capture):
    for number in capture.frames:
        images = {camera: capture.image(camera, number) for camera in capture.cameras}
        people = pair.people(images)
        yield KnownFrame(images, people, pair.mattes(images, people))


def raw(root, network, **changes):
    capture = read_capture(root)
    finder = Oracle(capture.cameras, PEOPLE)
    pair = RawPair(capture.cameras, ("00", "01"), network, SETTINGS, finder=finder, **changes)
    return pair, list(known_frames(pair, capture))


def test_the_gaussians_are_those_of_the_workflow(root, network, tmp_path):
    pair, frames = raw(root, network)
    plan = pair.plan(frames)
    expected = from_files(root, network, tmp_path)
    assert len(expected) == FRAMES
    for frame, other in zip(frames, expected, strict=True):
        reconstruction = pair.reconstruct(pair.rectified(plan, frame))
        assert reconstruction.frame == other.frame
        # Heatmaps are stored in half precision.
        torch.testing.assert_close(reconstruction.gaussians.means, other.gaussians.means, atol=1e-3, rtol=0)
        torch.testing.assert_close(reconstruction.gaussians.colors, other.gaussians.colors, atol=1 / 255, rtol=0)
        torch.testing.assert_close(reconstruction.cameras.intrinsics, other.cameras.intrinsics)


@pytest.mark.parametrize("matte", ["exact", "hint"])
def test_a_pair_rectified_on_a_device_is_that_of_the_cpu(root, matte, monkeypatch):
    pair, frames = raw(root, PoseGaussian(NetworkSettings(iterations=1, matte=matte)).eval())
    plan = pair.plan(frames)
    expected = pair.rectified(plan, frames[0])
    calls = []
    monkeypatch.setattr(raw_pair, "network_input", lambda *args: calls.append(args))
    monkeypatch.setattr(pair, "_device", SimpleNamespace(type="cuda"))
    on_cpu = lambda plan, _, filmed: DeviceRectifier(plan, torch.device("cpu"), filmed)  # noqa: E731
    monkeypatch.setattr(raw_pair, "DeviceRectifier", on_cpu)
    found = pair.rectified(plan, frames[0])
    assert not calls and expected.heatmaps is not None and expected.heatmaps.any()
    for name in ("images", "masks", "heatmaps", "keypoints", "scores"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=1.01 / 255, rtol=0)
    torch.testing.assert_close(found.cameras.intrinsics, expected.cameras.intrinsics)
    there = {
        name: Matte(
            np.zeros_like(m.coverage), 1.0, DeviceView(*map(torch.from_numpy, (frames[0].images[name], m.coverage)))
        )
        for name, m in frames[0].mattes.items()
    }
    again = pair.rectified(plan, frames[0]._replace(mattes=there))
    assert torch.equal(again.images, found.images) and torch.equal(again.heatmaps, found.heatmaps)


def test_mattes_of_all_cameras_may_be_made_at_once(root, network):
    _, expected = raw(root, network)
    with ThreadPoolExecutor(2) as pool:
        _, found = raw(root, network, each=pool.map)
    for one, other in zip(found, expected, strict=True):
        assert one.mattes.keys() == other.mattes.keys() and one.mattes
        for name, matte in one.mattes.items():
            assert (matte.coverage == other.mattes[name].coverage).all()


def test_frames_continue_until_a_restart(root, network):
    pair, frames = raw(root, network)
    plan = pair.plan(frames)
    first, second = (pair.rectified(plan, frame) for frame in frames[:2])
    alone = pair.reconstruct(second)
    pair.restart()
    pair.reconstruct(first)
    continued = pair.reconstruct(second)
    assert (alone.frame, continued.frame) == (0, 1)
    assert not torch.equal(alone.disparity, continued.disparity)
    pair.restart()
    assert torch.equal(pair.reconstruct(second).disparity, alone.disparity)


def test_without_the_stabilizer_no_frame_continues(root, network):
    pair, frames = raw(root, network, stabilizer=False)
    inputs = pair.rectified(pair.plan(frames), frames[1])
    assert torch.equal(pair.reconstruct(inputs).disparity, pair.reconstruct(inputs).disparity)


def test_the_person_of_the_next_frame_is_looked_for_where_they_were(root, network):
    capture = read_capture(root)
    finder = Oracle(capture.cameras, PEOPLE)
    pair = RawPair(capture.cameras, ("00", "01"), network, SETTINGS, finder=finder)
    list(known_frames(pair, capture))
    assert [kind for kind, _ in finder.calls].count("locate") == 1
    pair.restart()
    list(known_frames(pair, capture))
    assert [kind for kind, _ in finder.calls].count("locate") == 2
