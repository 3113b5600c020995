"""Colour matching: on drawn matches with known transforms, and on people of spheres with known gains."""

from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.captures.reading import read_capture
from posegaussian.config import RectifySettings
from posegaussian.io import store
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.preparation.color import IDENTITY, estimate_colors, fit_colors, format_colors, transform_colors
from posegaussian.preparation.color_kernels import transform_levels
from posegaussian.preparation.color_matches import srgb_to_linear

GAINS = {"00": (0.9, 0.75, 0.6), "01": (0.7, 0.8, 0.95), "02": (0.85, 0.7, 0.8)}
SIZE = (320, 256)
NEAR = 0.07
"""Of gains from images: the texture of the spheres is finer than the matches are exact, so that gains are shrunk."""


def srgb(light: np.ndarray) -> np.ndarray:
    """Linear light as 8 bits, spelled out once more."""
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.rint(255 * curve.clip(0, 1)).astype(np.uint8)


def write_people(root: Path, azimuths: dict[str, float], depths: bool = False) -> None:
    """People of spheres before each camera, each with its own gains."""
    cameras = {name: helpers.lens(azimuth, size=SIZE) for name, azimuth in azimuths.items()}
    helpers.write_sphere_capture(root, 1, cameras=cameras, depths=depths)
    for name in azimuths:
        path = str(root / f"images/{name}/000000.png")
        image = np.asarray(cv2.imread(path))[..., ::-1]
        cv2.imwrite(path, srgb(srgb_to_linear(image) * np.array(GAINS[name], np.float32))[..., ::-1])


def drawn_colors(rng: np.random.Generator, count: int) -> np.ndarray:
    """Colours in linear light, bright and dark."""
    return rng.uniform(0.05, 0.6, (count, 1)) * rng.uniform(0.5, 1.2, (count, 3))


def applied(transform: np.ndarray, colors: np.ndarray) -> np.ndarray:
    return colors @ transform[:, :3].T + transform[:, 3]


def mismatch(found: np.ndarray, cameras: list[np.ndarray], pair: tuple[int, int] = (0, 1)) -> float:
    """Largest difference of new colours after the transforms, relative to their mean."""
    colors = drawn_colors(np.random.default_rng(99), 500)
    one, other = (applied(found[index], applied(cameras[index], colors)) for index in pair)
    return float(np.quantile(abs(one - other).mean(1) / (one + other).mean(1) * 2, 0.95))


WARM = np.array([[1.15, 0.03, -0.02, 0.004], [-0.03, 0.92, 0.02, -0.003], [0.02, 0.05, 0.85, 0.005]])
COOL = np.array([[0.9, -0.02, 0.03, 0.0], [0.03, 1.02, -0.03, 0.005], [0.0, -0.03, 1.1, -0.004]])
MATRIX = np.column_stack([np.eye(3) + WARM[:, :3] - np.diag(np.diag(WARM[:, :3])), WARM[:, 3]])


@pytest.mark.parametrize("true", [WARM, MATRIX], ids=["all", "no-gain"])
def test_known_transforms_are_recovered(true):
    colors = drawn_colors(np.random.default_rng(1), 800)
    found = fit_colors(2, [(0, 1)], [(colors, applied(true, colors))])
    assert mismatch(found, [IDENTITY, true]) < 0.005
    assert mismatch(np.stack([IDENTITY, IDENTITY]), [IDENTITY, true]) > 0.05


def test_known_transforms_are_recovered_in_a_chain_and_change_nothing_on_average():
    rng, cameras = np.random.default_rng(2), [IDENTITY, WARM, COOL]
    pairs, matches = [(0, 1), (1, 2)], []
    for first, second in pairs:
        colors = drawn_colors(rng, 800)
        matches.append((applied(cameras[first], colors), applied(cameras[second], colors)))
    found = fit_colors(3, pairs, matches)
    assert max(mismatch(found, cameras, pair) for pair in [*pairs, (0, 2)]) < 0.01
    assert abs(np.log(found.sum(2)).mean(0)).max() < 0.03


def test_wrong_matches_do_not_matter():
    rng = np.random.default_rng(3)
    colors = drawn_colors(rng, 800)
    second = applied(WARM, colors)
    second[rng.choice(800, 200, replace=False)] = drawn_colors(rng, 200)
    found = fit_colors(2, [(0, 1)], [(colors, second)])
    assert mismatch(found, [IDENTITY, WARM]) < 0.01


@pytest.mark.parametrize(("noise", "seed"), [(0.01, 0), (0.05, 1), (0.1, 2)])
@pytest.mark.parametrize("count", [10, 60, 800])
def test_identical_cameras_keep_their_colours(noise, seed, count):
    rng = np.random.default_rng(seed)
    colors = drawn_colors(rng, count)
    first, second = (colors * np.exp(noise * rng.standard_normal(colors.shape)) for _ in range(2))
    found = fit_colors(2, [(0, 1)], [(first, second)])
    np.testing.assert_allclose(found, np.stack([IDENTITY, IDENTITY]), atol=0.005)


@pytest.mark.parametrize(("count", "noise"), [(7, 0.0), (10, 0.5)])
def test_thin_evidence_changes_nothing(count, noise):
    rng = np.random.default_rng(4)
    colors = drawn_colors(rng, count)
    second = applied(WARM, colors) * np.exp(noise * rng.standard_normal(colors.shape))
    found = fit_colors(2, [(0, 1)], [(colors, second)])
    np.testing.assert_array_equal(found, np.stack([IDENTITY, IDENTITY]))


def whites(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the transforms make of white."""
    return {camera: transform.sum(1) for camera, transform in found.items()}


@pytest.mark.parametrize("azimuths", [(-11, 11), (-25, 5)])
def test_known_gains_are_recovered(tmp_path, azimuths):
    write_people(tmp_path / "c", dict(zip(GAINS, azimuths, strict=False)))
    found = whites(estimate_colors(read_capture(tmp_path / "c"), [("00", "01")], [0]))
    expected = np.array(GAINS["01"]) / np.array(GAINS["00"])
    np.testing.assert_allclose(found["00"] / found["01"], expected, rtol=NEAR)
    np.testing.assert_allclose(found["00"] * found["01"], 1, atol=0.02)


def test_gains_spread_over_a_chain_of_pairs(tmp_path):
    write_people(tmp_path / "c", {"00": -20, "01": 0, "02": 20})
    found = whites(estimate_colors(read_capture(tmp_path / "c"), [("00", "01"), ("01", "02")], [0]))
    for first, second in (("00", "01"), ("01", "02"), ("00", "02")):
        expected = np.array(GAINS[second]) / np.array(GAINS[first])
        np.testing.assert_allclose(found[first] / found[second], expected, rtol=NEAR)


def test_a_transform_can_be_undone():
    levels = np.arange(20, 236).reshape(-1, 3)
    back = np.linalg.inv(np.vstack([WARM, [0, 0, 0, 1]]))[:3]
    there = transform_colors((levels / 255).astype(np.float32), WARM)
    kept = there.max(1) < 1
    assert kept.sum() > 40
    np.testing.assert_allclose(255 * transform_colors(there, back)[kept], levels[kept], atol=0.01)
    light = applied(WARM, srgb_to_linear(levels.astype(np.uint8)[None])[0])
    np.testing.assert_allclose(255 * there[kept], srgb(light)[kept], atol=0.51)


@pytest.mark.parametrize("strength", [0.0, 0.05, 0.3])
def test_the_kernel_transforms_images_as_numpy_does(strength):
    """Every fifth level of each channel, and colours that are clipped at both ends."""
    image = np.stack(np.meshgrid(*[np.arange(0, 256, 5)] * 3), -1).reshape(-1, 52, 3).astype(np.uint8)
    transform = IDENTITY + np.random.default_rng(0).normal(0, strength, (3, 4))
    expected = transform_colors((image.reshape(-1, 3) / 255).astype(np.float32), transform).reshape(image.shape)
    np.testing.assert_allclose(transform_levels(image, transform), expected, atol=3e-6)


def test_rectified_pictures_match_and_the_file_tells_how(tmp_path):
    write_people(tmp_path / "c", {"00": -11, "01": 11})
    pictures, found = {}, {}
    for color in ("off", "auto"):
        rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(128, 128), color=color))
        with store.Reader(tmp_path / "c.h5", "r") as file:
            pictures[color], masks = file["sources/images"][0, 0], file["sources/masks"][0, 0]
            found[color] = file["sources/original/color"][0]
    np.testing.assert_array_equal(found["off"], np.stack([IDENTITY, IDENTITY]))
    expected = np.array(GAINS["01"]) / np.array(GAINS["00"])
    np.testing.assert_allclose(np.divide(*found["auto"].sum(2)), expected, rtol=NEAR)

    def difference(images: np.ndarray) -> float:
        means = [srgb_to_linear(image)[mask == 255].mean(0) for image, mask in zip(images, masks, strict=True)]
        return float(abs(means[0] / means[1] - 1).max())

    assert difference(pictures["off"]) > 0.2
    assert difference(pictures["auto"]) < 0.06


def test_rendered_captures_keep_their_colours(tmp_path):
    helpers.write_sphere_capture(tmp_path / "c", frames=1, size=(64, 48), samples=1)
    rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(48, 48)))
    with store.Reader(tmp_path / "c.h5", "r") as file:
        np.testing.assert_array_equal(file["sources/original/color"][0], np.stack([IDENTITY, IDENTITY]))
        np.testing.assert_array_equal(file["targets/color"][0], IDENTITY)


def test_cameras_that_share_nothing_keep_their_colours(tmp_path):
    write_people(tmp_path / "c", {"00": -11, "01": 11})
    for name in ("00", "01"):
        cv2.imwrite(str(tmp_path / f"c/images/{name}/000000.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    found = estimate_colors(read_capture(tmp_path / "c"), [("00", "01")], [0])
    np.testing.assert_array_equal(np.stack(list(found.values())), np.stack([IDENTITY, IDENTITY]))


def test_only_changed_colours_are_named():
    assert format_colors({"00": IDENTITY, "01": IDENTITY}) == ""
    assert format_colors({"00": IDENTITY, "01": np.diag([0.9, 1.0, 1.2004])}) == "01 white x (0.900, 1.000, 1.200)"
