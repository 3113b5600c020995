"""Images for compositing: alpha straight and premultiplied, depth, and videos that keep alpha."""

import av
import numpy as np
import pytest
import torch
from PIL import Image

from posegaussian.export.images import write_exr, write_premultiplied, write_straight
from posegaussian.io.video import write_prores, write_vp9
from posegaussian.types import Rendering


@pytest.fixture
def rendering():
    """A colour that is half covered on the left, covered in the middle, and nothing on the right; premultiplied."""
    alphas = torch.tensor([0.5, 1.0, 0.0]).expand(1, 4, 3)
    colors = torch.tensor([0.8, 0.4, 0.2])[:, None, None] * alphas
    return Rendering(colors, alphas, 2.5 * (alphas > 0).float())


def rgba(path):
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        return np.asarray(image)[0]


def test_straight_and_premultiplied(tmp_path, rendering):
    write_straight(tmp_path / "a.png", rendering)
    np.testing.assert_array_equal(rgba(tmp_path / "a.png"), [[204, 102, 51, 128], [204, 102, 51, 255], [0, 0, 0, 0]])
    write_premultiplied(tmp_path / "b.png", rendering)
    np.testing.assert_array_equal(rgba(tmp_path / "b.png"), [[102, 51, 26, 128], [204, 102, 51, 255], [0, 0, 0, 0]])


def test_exr_is_linear_premultiplied_and_has_depth(tmp_path, rendering):
    OpenEXR = pytest.importorskip("OpenEXR")
    write_exr(tmp_path / "a.exr", rendering)
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    linear = ((np.array([0.8, 0.4, 0.2]) + 0.055) / 1.055) ** 2.4  # sRGB (IEC 61966-2-1)
    np.testing.assert_allclose(channels["RGBA"][0, 1], [*linear, 1], atol=1e-3)
    np.testing.assert_allclose(channels["RGBA"][0, 0], [*(linear / 2), 0.5], atol=1e-3)
    np.testing.assert_array_equal(channels["Z"][0], [2.5, 2.5, np.inf])


@pytest.mark.parametrize("write, suffix, decoder", [(write_prores, "mov", None), (write_vp9, "webm", "libvpx-vp9")])
def test_videos_keep_alpha(tmp_path, write, suffix, decoder):
    images = []
    for number in range(4):
        image = np.zeros((48, 64, 4), np.uint8)
        image[8:40, 8 * number : 8 * number + 24] = [200, 100, 50, 255]
        image[8:40, 8 * number + 24 : 8 * number + 32] = [200, 100, 50, 128]
        images.append(image)
    for name in "ab":
        write(tmp_path / f"{name}.{suffix}", iter(images), 25)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    found = []
    with av.open(str(tmp_path / f"a.{suffix}")) as container:
        stream = container.streams.video[0]
        context = av.CodecContext.create(decoder, "r") if decoder else stream.codec_context
        for packet in container.demux(stream):
            found += [frame.to_ndarray(format="rgba") for frame in context.decode(packet if packet.size else None)]
    assert len(found) == 4
    for number, (true, read) in enumerate(zip(images, found, strict=True)):
        inside = np.s_[12:36, 8 * number + 4 : 8 * number + 20]
        np.testing.assert_allclose(read[inside].astype(int), true[inside], atol=6)
        np.testing.assert_allclose(read[12:36, 8 * number + 27 : 8 * number + 30, 3].astype(int), 128, atol=12)
        assert read[:4, :, 3].max() < 8
