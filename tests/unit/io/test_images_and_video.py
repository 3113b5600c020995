"""Videos decode to what went in; nothing half-written carries a final name."""

import os
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.container import InputContainer

from posegaussian.io.images import ImageFile, write_image
from posegaussian.io.video import VIDEO_SUFFIXES, VideoFrame, frame_count, write_video


def clip(count=7, height=64, width=96):
    """A colour field that drifts from image to image, smooth enough for 4:2:0."""
    y, x = np.mgrid[:height, :width]
    for i in range(count):
        yield np.stack([x * 2 + 3 * i, y * 3, 255 - x - y + 0 * i], axis=-1).clip(0, 255).astype(np.uint8)


def test_video_holds_every_picture_in_its_colours(tmp_path):
    write_video(tmp_path / "a.mp4", clip(), fps=12)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", 12)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == 7
    for got, expected in zip(decoded, clip(), strict=True):
        assert np.abs(got.astype(int) - expected).mean() < 3


def test_another_decoder_reads_it(tmp_path):
    write_video(tmp_path / "a.mp4", clip(), fps=12)
    reader = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    ok, first = reader.read()
    assert ok and np.abs(first[..., ::-1].astype(int) - next(clip())).mean() < 3


def test_same_images_same_bytes(tmp_path):
    written = set()
    for _ in range(12):
        dirt = [np.full(size, 255, np.uint8) for size in (10_000, 300_000, 2_000_000)]  # noqa: F841  (dirties the heap)
        write_video(tmp_path / "a.mp4", clip(), fps=12)
        written.add((tmp_path / "a.mp4").read_bytes())
    assert len(written) == 1


def test_odd_sizes_are_extended(tmp_path):
    write_video(tmp_path / "a.mp4", clip(height=33, width=65), fps=5)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (66, 34)


def test_a_failing_source_of_images_leaves_nothing(tmp_path):
    def broken():
        yield next(clip())
        raise RuntimeError("out of images")

    with pytest.raises(RuntimeError, match="out of images"):
        write_video(tmp_path / "a.mp4", broken(), fps=12)
    assert list(tmp_path.iterdir()) == []


def test_images_keep_the_order_of_their_channels(tmp_path):
    image = next(clip())
    write_image(tmp_path / "deep" / "a.png", image)
    found = cv2.imread(str(tmp_path / "deep" / "a.png"))
    assert found is not None and (found[..., ::-1] == image).all()
    transparent = np.dstack([image, image[..., 0]])
    steps = 257 * image[..., 0].astype(np.uint16)
    for name, pixels in (("b", transparent), ("c", steps), ("d", image[..., 1])):
        write_image(tmp_path / f"{name}.png", pixels)
        np.testing.assert_array_equal(ImageFile(tmp_path / f"{name}.png").pixels(), pixels)


def test_an_image_that_opencv_refuses_is_an_error_and_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, np.empty(0, np.uint8)))
    with pytest.raises(OSError, match=r"an image of 96 x 64 pixels cannot be encoded as \.jpg"):
        write_image(tmp_path / "a.jpg", next(clip()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_every_frame_is_found_in_any_order(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9" if suffix == ".webm" else "libx264", rate=25, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            grey = np.full((48, 64, 3), 10 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    assert frame_count(path)[0] == 20
    for number in (7, 0, 1, 2, 19, 3, 18, 0):
        assert abs(VideoFrame(path, number).pixels().mean() - 10 * number) < 3


def test_frames_in_their_order_decode_each_frame_once_at_most(tmp_path, monkeypatch):
    """Between two key frames a seek would go back; across several of them it saves what lies between."""
    decoded, opened = [], av.open

    class Counted:
        __class__ = InputContainer

        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def decode(self, stream):
            for frame in self.container.decode(stream):
                decoded.append(frame.pts)
                yield frame

    monkeypatch.setattr(av, "open", lambda path, mode="r", **options: Counted(opened(path, mode, **options)))
    for every, most in ((250, 120), (10, 20)):
        path = tmp_path / f"{every}.mp4"
        with opened(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"g": str(every)})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for number in range(120):
                grey = np.full((48, 64, 3), 2 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
        decoded.clear()
        for number in (0, 57, 118):
            assert abs(VideoFrame(path, number).pixels().mean() - 2 * number) < 3
        assert len(decoded) <= most


def test_a_video_that_is_replaced_is_read_anew(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, clip(), fps=12)
    before = VideoFrame(path, 0).pixels()
    write_video(path, (255 - image for image in clip()), fps=12)
    assert abs(VideoFrame(path, 0).pixels().astype(int) - before).mean() > 50


@pytest.mark.filterwarnings("error")
def test_videos_are_closed_when_others_are_opened(tmp_path):
    """Decoders have threads and files: a program that reads capture after capture must not run out of them."""
    write_video(tmp_path / "0.mp4", clip(), fps=12)
    paths = [shutil.copyfile(tmp_path / "0.mp4", tmp_path / f"{n}.mp4") for n in range(1, 50)]
    for path in paths:
        VideoFrame(path, 1).pixels()
    opened = [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]
    assert 0 < sum(str(tmp_path) in name for name in opened) <= 16
