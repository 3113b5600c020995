"""Rectification of one frame in memory: nothing is read twice, and the stage's file holds the same values."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.captures.capture import Capture
from posegaussian.captures.reading import read_capture
from posegaussian.config import RectifySettings
from posegaussian.geometry.compositing import person_on_black
from posegaussian.geometry.resampling import resample
from posegaussian.io import store
from posegaussian.io.images import LazyImage
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.preparation.mattes.compositing import without_background
from posegaussian.preparation.rectification import (
    CameraFrame,
    read_views,
    rectify_pair,
    rectify_person,
    rectify_view,
    rectify_views,
)
from posegaussian.preparation.rectification_plan import plan_rectification

SETTINGS = RectifySettings(size=(48, 48))
PAIRS = [("00", "01"), ("01", "02")]
RIG = {
    name: helpers.lens(azimuth, size=(64, 48)) for name, azimuth in zip(("00", "01", "02"), (-22, 0, 22), strict=True)
}


@dataclass(frozen=True)
class Counted:
    """A picture that counts how often it is decoded."""

    picture: LazyImage
    reads: Counter

    @property
    def path(self) -> Path:
        return self.picture.path

    def pixels(self) -> np.ndarray:
        self.reads[str(self.path.relative_to(self.path.parents[2]))] += 1
        return self.picture.pixels()


def counted(capture: Capture, reads: Counter) -> Capture:
    def shots(kind):
        return {
            camera: {frame: Counted(picture, reads) for frame, picture in of_camera.items()}
            for camera, of_camera in kind.items()
        }

    return replace(capture, images=shots(capture.images), masks=shots(capture.masks), depths=shots(capture.depths))


@pytest.fixture(scope="module", params=[True, False], ids=["depths", "no-depths"])
def root(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "c"
    cameras = RIG | {"t00": helpers.lens(9, size=(64, 48))}
    helpers.write_sphere_capture(folder, cameras=cameras, samples=1, depths=request.param)
    return folder


def test_a_frame_is_decoded_once(root):
    reads = Counter()
    capture = counted(read_capture(root), reads)
    plan = plan_rectification(capture, PAIRS, capture.frames, SETTINGS)
    planned = {f"masks/{camera}/{frame:06d}.png" for camera in RIG for frame in capture.frames}
    assert set(reads) == planned, "the plan needs the masks of the pairs at every frame, and no image"
    reads.clear()
    rectify_views(plan, read_views(plan, capture, 1))
    kinds = ("images", "masks", "depths") if capture.depths else ("images", "masks")
    assert reads == {f"{kind}/{camera}/000001.png": 1 for kind in kinds for camera in (*RIG, "t00")}


def test_the_file_holds_what_one_frame_gives(root, tmp_path):
    capture = read_capture(root)
    plan = plan_rectification(capture, PAIRS, capture.frames, SETTINGS)
    frame = rectify_views(plan, read_views(plan, capture, 1))
    rectify_capture(root, tmp_path / "c.h5", replace(SETTINGS, color="off"), pairs=PAIRS)
    with store.open_checked(tmp_path / "c.h5", store.RECTIFIED) as file:
        for number, pair in enumerate(frame.pairs):
            assert plan.pairs[number].names == tuple(store.strings(file["sources/pairs"])[number])
            np.testing.assert_array_equal(pair.images, file["sources/images"][number, 1])
            np.testing.assert_array_equal(pair.masks, file["sources/masks"][number, 1])
            if capture.depths:
                np.testing.assert_array_equal(pair.disparity, file["sources/disparity"][number, 1])
                np.testing.assert_array_equal(pair.valid, file["sources/valid"][number, 1])
            else:
                assert pair.disparity is None and pair.valid is None and "disparity" not in file["sources"]
        np.testing.assert_array_equal(frame.held_out[0].image, file["targets/images"][0, 1])


def test_the_person_on_black_is_what_was_cut_out_before_resampling(root):
    capture = read_capture(root)
    plan = plan_rectification(capture, PAIRS, capture.frames, SETTINGS)
    view = plan.pairs[0].views[0]
    found = rectify_view(view, CameraFrame(capture.image(view.name, 0), capture.mask(view.name, 0)))
    person = without_background(capture.image(view.name, 0), capture.mask(view.name, 0))
    levels = np.rint(resample(person, view.sampling).clip(0, 1) * 255)
    np.testing.assert_array_equal(found.mask, levels[..., 3])
    np.testing.assert_array_equal(person_on_black(found.image, found.mask), levels[..., :3].clip(0, levels[..., 3:]))
    assert (found.image[found.mask == 0] > 0).any()


def test_the_person_is_rectified_without_the_surroundings_to_the_same_bytes(root):
    capture = read_capture(root)
    view = plan_rectification(capture, PAIRS, capture.frames, SETTINGS).pairs[0].views[0]
    frame = CameraFrame(capture.image(view.name, 0), capture.mask(view.name, 0))
    found, (person, mask) = rectify_view(view, frame), rectify_person(view, frame)
    np.testing.assert_array_equal(mask, found.mask)
    np.testing.assert_array_equal(person, person_on_black(found.image, found.mask))


def test_arrays_in_memory_give_what_the_capture_gives(root):
    capture = read_capture(root)
    plan = plan_rectification(capture, PAIRS, capture.frames, SETTINGS)
    names = plan.pairs[1].names
    filmed = [CameraFrame(capture.image(name, 0), capture.mask(name, 0)) for name in names]
    pair = rectify_pair(plan.pairs[1], *filmed)
    assert pair.disparity is None, "without depth there is no disparity"
    np.testing.assert_array_equal(pair.images, rectify_views(plan, read_views(plan, capture, 0)).pairs[1].images)


def test_wide_soft_edges_are_as_filmed_where_masks_were_found(root):
    capture = read_capture(root)
    pair = plan_rectification(capture, PAIRS, capture.frames, SETTINGS).pairs[0]
    soft = [cv2.GaussianBlur(capture.mask(name, 0), None, 8) for name in pair.names]
    images = [capture.image(name, 0) for name in pair.names]
    given, found = (
        rectify_pair(pair, *(CameraFrame(*each, confidence=confidence) for each in zip(images, soft, strict=True)))
        for confidence in (None, 0.9)
    )
    person, mask = rectify_person(pair.views[0], CameraFrame(images[0], soft[0]))
    np.testing.assert_array_equal(person_on_black(given.images[0], given.masks[0]), person)
    clear = cv2.boxFilter((mask == 0).astype(np.uint8), cv2.CV_32S, (7, 7), normalize=False) > 0
    inside = (mask > 0) & (mask < 255) & ~clear
    filmed = np.rint(resample(np.float32(images[0] / 255), pair.views[0].sampling).clip(0, 1) * 255)
    assert inside.any()
    np.testing.assert_array_equal(found.images[0][inside], filmed[inside])
    np.testing.assert_array_equal(found.images[0][~inside], given.images[0][~inside])
