"""Masks that are exchanged are named; wrong ones of other kinds are not."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from posegaussian.captures.diagnostics import diagnose
from posegaussian.captures.exchanged_masks import exchanged_masks
from posegaussian.captures.reading import read_capture
from posegaussian.config import BuiltinSettings
from posegaussian.pipeline.captures import write_capture

FIGURES = {
    "a": [(60, 70, 18, 40), (90, 60, 40, 10)],
    "b": [(80, 80, 30, 30), (60, 110, 8, 40)],
    "c": [(70, 75, 14, 60)],
}
"""Ellipses of a figure in the image of each camera: centre and half axes, pixels."""


@pytest.fixture(scope="module")
def scene():
    """Grey figures before noise, and their exact masks."""
    random, images, masks = np.random.default_rng(0), {}, {}
    for name, parts in FIGURES.items():
        mask = np.zeros((160, 140), np.uint8)
        for x, y, width, height in parts:
            cv2.ellipse(mask, (x, y), (width, height), 0, 0, 360, 1, -1)
        noise = random.normal(90, 12, (*mask.shape, 3))
        images[name] = np.where(mask[..., None] > 0, noise + 60, noise).clip(0, 255).astype(np.uint8)
        masks[name] = mask > 0
    return images, masks


def test_exact_masks_are_not_named(scene):
    assert exchanged_masks(*scene) == []


def test_exchanged_masks_are_named(scene):
    images, masks = scene
    assert exchanged_masks(images, masks | {"a": masks["c"], "c": masks["a"]}) == [("a", "c")]
    large = {name: cv2.resize(image, None, fx=8, fy=8) for name, image in images.items()}
    larger = {name: cv2.resize(mask.astype(np.uint8), None, fx=8, fy=8) > 0 for name, mask in masks.items()}
    assert exchanged_masks(large, larger | {"b": larger["c"], "c": larger["b"]}) == [("b", "c")]


def test_masks_that_are_wrong_by_themselves_are_not_named(scene):
    images, masks = scene
    for change in (cv2.dilate, cv2.erode):
        kernel = np.ones((9, 9), np.uint8)
        assert exchanged_masks(images, {n: change(m.astype(np.uint8), kernel) > 0 for n, m in masks.items()}) == []
    assert exchanged_masks(images, {name: np.roll(mask, 15, 1) for name, mask in masks.items()}) == []
    assert exchanged_masks(images, {name: np.zeros_like(mask) for name, mask in masks.items()}) == []


def test_one_wrong_mask_is_no_exchange(scene):
    images, masks = scene
    assert exchanged_masks(images, masks | {"a": masks["b"]}) == []


def test_images_of_other_sizes_cannot_have_each_others_masks(scene):
    images, masks = scene
    assert exchanged_masks({"a": images["a"], "b": images["b"][:150]}, {"a": masks["a"], "b": masks["b"][:150]}) == []


@pytest.mark.parametrize("seed", [101, 108])
def test_a_built_in_capture(tmp_path, seed):
    write_capture(seed, tmp_path / "person", BuiltinSettings(frames=1, size=(160, 160), sources=2))
    assert diagnose(read_capture(tmp_path / "person"), [("00", "01")], 0) == []
    shutil.move(tmp_path / "person/masks/00", tmp_path / "00")
    shutil.move(tmp_path / "person/masks/01", tmp_path / "person/masks/00")
    shutil.move(tmp_path / "00", tmp_path / "person/masks/01")
    (found,) = diagnose(read_capture(tmp_path / "person"), [("00", "01")], 0)
    assert (found.code, found.camera, found.fatal) == ("exchanged-masks", "00", False)


def test_nothing_is_concluded_from_exchanged_masks():
    """A person who would be 2.65 m tall, by where the masks of the wrong cameras are."""
    capture = read_capture("tests/data/figurine")
    masks = {**capture.masks, "10": capture.masks["14"], "14": capture.masks["10"]}
    found = diagnose(replace(capture, masks=masks), [("10", "14")], 0)
    assert [each.code for each in found] == ["exchanged-masks"]
