"""What people hand in by mistake, as in the tables of docs/howto/captures.md and "Unusual captures" of
docs/results/robustness.md: repaired and said, or one clear line."""

import json
import re
import shutil
import warnings
from pathlib import Path

import av
import cv2
import h5py
import helpers
import numpy as np
import pytest
from layouts import RIG, write_toml

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError, CaptureWarning, UserError

SIZE = (160, 128)
SETTINGS = ["--settings", "{size: [64, 64]}"]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pristine") / "capture"
    helpers.write_sphere_capture(root, size=SIZE, frames=2, samples=2)
    return root


@pytest.fixture
def capture(pristine, tmp_path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "capture"))


@pytest.fixture
def rectify(tmp_path):
    """Run the stage as the command line does, but let errors and warnings through."""

    def run(root: Path, *options: str) -> None:
        call = cli.parse(["rectify", str(root), "-o", str(tmp_path / "out/x.h5"), *SETTINGS, *options])
        try:
            call()
        except UserError:
            assert not list((tmp_path / "out").glob("*"))
            raise

    return run


def relens(root: Path, **lenses: helpers.Lens) -> None:
    """Write another calibration."""
    helpers.write_calibration(root, helpers.default_rig(SIZE) | {f"{k[1:]}": v for k, v in lenses.items()})


def images(tmp_path: Path) -> np.ndarray:
    with h5py.File(tmp_path / "out/x.h5") as file:
        return file["sources/images"][()].astype(float)


def test_a_good_capture_is_passed_in_silence(capture, rectify):
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        rectify(capture)


def test_poses_camera_to_world(capture, rectify, tmp_path):
    turned = {}
    for name, lens in helpers.default_rig(SIZE).items():
        turned[f"_{name}"] = helpers.Lens(lens.matrix, lens.rotation.T, lens.centre, lens.size, lens.distortion)
    relens(capture, **turned)
    with helpers.refuses(CalibrationError, "inverted-poses", file="extri.yml") as error:
        rectify(capture)
    assert "--camera-to-world" in str(error.value.hint)
    cli.main(["import", str(capture), "-o", str(tmp_path / "mended"), "--camera-to-world"])
    rectify(tmp_path / "mended")


def test_pictures_of_two_cameras_swapped(capture, rectify):
    for kind in ("images", "masks", "depths"):
        (capture / kind / "00").rename(capture / kind / "x")
        (capture / kind / "01").rename(capture / kind / "00")
        (capture / kind / "x").rename(capture / kind / "01")
    with helpers.refuses(CalibrationError, "swapped-images", camera="00") as error:
        rectify(capture)
    assert "00 and 01" in error.value.what


def test_a_pair_named_right_to_left_is_turned(capture, rectify, tmp_path):
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        rectify(capture, "--pairs", "01,00")
    turned = images(tmp_path)
    rectify(capture, "--pairs", "00,01")
    np.testing.assert_array_equal(images(tmp_path), turned)


def test_intrinsics_of_another_size(capture, rectify, tmp_path):
    rectify(capture)
    expected = images(tmp_path)
    shutil.rmtree(tmp_path / "out")
    shift = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    larger = {}
    for name, lens in helpers.default_rig(SIZE).items():
        matrix = np.diag([2, 2, 1]) @ (lens.matrix + shift) - shift
        larger[f"_{name}"] = helpers.Lens(matrix, lens.rotation, lens.translation, lens.size, lens.distortion)
    relens(capture, **larger)
    with helpers.refuses(CalibrationError, "wrong-image-size", camera="00") as error:
        rectify(capture)
    assert re.search(r"\((99|100)%, (99|100)%\).* 2 times", error.value.what) and "W_, H_" in str(error.value.hint)
    sizes = "".join(f"W_{name}: {2 * SIZE[0]}\nH_{name}: {2 * SIZE[1]}\n" for name in helpers.default_rig())
    (capture / "intri.yml").write_text((capture / "intri.yml").read_text() + sizes)
    with helpers.warns("scaled-intrinsics", file="intri.yml", camera="00"):
        rectify(capture)
    np.testing.assert_allclose(images(tmp_path), expected, atol=1)


def test_a_calibration_of_another_shape(capture, rectify):
    sizes = "".join(f"W_{name}: 300\nH_{name}: 300\n" for name in helpers.default_rig())
    (capture / "intri.yml").write_text((capture / "intri.yml").read_text() + sizes)
    with helpers.refuses(CalibrationError, "wrong-image-size", file="intri.yml", camera="00"):
        rectify(capture)


def test_units(capture, rectify):
    large = {
        f"_{name}": helpers.Lens(lens.matrix, lens.rotation, 1000 * lens.translation, lens.size, lens.distortion)
        for name, lens in helpers.default_rig(SIZE).items()
    }
    relens(capture, **large)
    hint = "the world's unit looks like millimetres: import the capture with --scale 0.001"
    with helpers.warns("implausible-height", file=capture, hint=hint):
        rectify(capture)


def test_a_wide_pair(tmp_path, rectify):
    cameras = {"00": helpers.lens(-35, size=SIZE), "01": helpers.lens(35, size=SIZE)}
    helpers.write_sphere_capture(tmp_path / "c", cameras=cameras, samples=1, frames=1)
    with helpers.warns("wide-pair", file=tmp_path / "c", camera="00"):
        rectify(tmp_path / "c")


def test_two_people(capture, rectify):
    for path in sorted(capture.glob("masks/*/*.png")):
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        mask[10:-10, 2:12] = mask[10:-10, -12:-2] = 255
        cv2.imwrite(str(path), mask)
    with helpers.warns("several-people", file=capture, camera="00"):
        rectify(capture)


def test_one_pixel(capture, rectify):
    cv2.imwrite(str(capture / "images/00/000000.png"), np.zeros((1, 1, 3), np.uint8))
    with helpers.refuses(CaptureError, "small-images", camera="00"):
        rectify(capture)


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_pictures_of_8_and_16_bits(bits, capture, rectify, tmp_path):
    for path in sorted(capture.glob("images/*/*.png")):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path), grey if bits == 8 else grey.astype(np.uint16) * 257)
    with warnings.catch_warnings(record=True) as caught, helpers.warns("grey-images", file="images/00", camera="00"):
        rectify(capture)
    codes = {each.message.code for each in caught if isinstance(each.message, CaptureWarning)}
    assert codes == ({"sixteen-bit-images"} if bits == 16 else set())
    pixels = read_capture(capture).image("00", 0)
    np.testing.assert_array_equal(pixels[..., 0], cv2.imread(str(capture / "images/00/000000.png"), 0))
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_exif_rotation(capture, rectify, tmp_path):
    rectify(capture)
    expected = images(tmp_path)
    exif = bytes.fromhex("ffe100224578696600004d4d002a00000008000101120003000000010006000000000000")
    for path in sorted(
        capture.glob("images/*/*.png")
    ):  # stored a quarter turn to the left, with a note to turn it back
        stored = cv2.rotate(cv2.imread(str(path)), cv2.ROTATE_90_COUNTERCLOCKWISE)
        data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
        path.with_suffix(".jpg").write_bytes(data[:2] + exif + data[2:])
        path.unlink()
    with helpers.warns("rotated-images", file="images/00"):
        rectify(capture)
    assert abs(images(tmp_path) - expected).mean() < 4


@pytest.mark.parametrize("damage", ["cut", "cut and closed", "filled"])
def test_damaged_jpeg(damage, capture, rectify):
    pixels = cv2.imread(str(capture / "images/01/000001.png"))
    data = bytearray(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
    middle = len(data) * 2 // 3
    if damage == "filled":
        data[middle : middle + 200] = b"\x00\xff\xd3" + bytes(197)
    else:
        data = data[:middle] + (b"\xff\xd9" if "closed" in damage else b"")
    (capture / "images/01/000001.png").unlink()
    (capture / "images/01/000001.jpg").write_bytes(data)
    with helpers.refuses(CaptureError, "unreadable-image", file="images/01/000001.jpg", camera="01", frame=1):
        rectify(capture)


def test_truncated_video(tmp_path, rectify):
    write_toml(tmp_path)
    path = tmp_path / "videos/b.mp4"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # the index stands at the end: nothing can be read
    with helpers.refuses(CaptureError, "unreadable-video", file=path, camera="b"):
        rectify(tmp_path)


def test_a_video_whose_end_is_missing(tmp_path, rectify):
    """With the index in front, the frames before the damage can still be taken."""
    write_toml(tmp_path)
    path = tmp_path / "videos/b.mp4"
    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "front.mp4"), "w", options={"movflags": "faststart"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    data = (tmp_path / "front.mp4").read_bytes()
    (tmp_path / "front.mp4").unlink()
    path.write_bytes(data[: len(data) * 2 // 3])
    with helpers.refuses(CaptureError, "truncated-video", file=path, camera="b") as error:
        rectify(tmp_path)
    there, stop = re.search(r"(\d+) of 12 ", error.value.what), re.search(r" 0:(\d+)", str(error.value.hint))
    assert there and stop and 0 < int(there[1]) == int(stop[1]) < 12
    with helpers.refuses(CaptureError, "truncated-video", file=path):  # it is unknown which frames would be the last
        read_capture(tmp_path, frames=FrameRange.parse("-3:-1"))
    assert read_capture(tmp_path, frames=FrameRange.parse("0:4")).image("b", 3).shape == (*RIG["b"].size[::-1], 3)


def test_a_frame_that_one_camera_lacks_can_be_left_out(capture, rectify, tmp_path):
    (capture / "images/01/000001.png").unlink()
    with helpers.refuses(CaptureError, "missing-frame", file="images/01/000001.png", camera="01", frame=1):
        rectify(capture)
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        rectify(capture, "--frames", ":1")
    with h5py.File(tmp_path / "out/x.h5") as file:
        assert file["frames"][()].tolist() == [0]


def test_targets_are_chosen_by_hand(capture, rectify, tmp_path):
    (capture / "rig.json").write_text(json.dumps({"sources": ["00", "01", "t00"]}))
    rectify(capture, "--targets", "t00")
    with h5py.File(tmp_path / "out/x.h5") as file:
        assert [name.decode() for name in file["targets/cameras"][()].astype("S")] == ["t00"]
