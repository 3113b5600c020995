"""A live session: frames of two cameras go in, novel views of the newest frame come out."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import numpy as np
import torch
from jaxtyping import UInt8

from posegaussian.config import LiveSettings
from posegaussian.errors import ConfigError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.live.crop import Images
from posegaussian.live.loop import FrameInput, LiveFrame, Loop
from posegaussian.live.pairing import FramePair, Pairing, TimedFrame
from posegaussian.live.residuals import ResidualWatch
from posegaussian.live.stages import Prepared, Stages
from posegaussian.live.viewpoint import PersonFraming, Viewpoint
from posegaussian.model.device import pick_device
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import RELEASE, load_network
from posegaussian.parallel import thread_count
from posegaussian.rendering.levels import to_bytes
from posegaussian.rendering.reconstruct import render
from posegaussian.splatting import rasterize
from posegaussian.streams import own_stream
from posegaussian.types import Camera, Gaussians

SIZES = {"cuda": (1024, 1024), "cpu": (256, 256)}
"""Width and height of rectified images where the settings name none, by kind of device."""
_WORKERS = 3
"""Threads that make mattes and rectify on a machine with a GPU, at most. Two and three were measured on an H200: eight
viewers got views after 108 ms (13 cores) and 93 ms (16 cores)."""
_POLL = 0.2
"""Seconds between two looks whether the session has failed, while something is waited for."""


class LiveSession:
    """Novel views of what two cameras film, while they film it, for programs with their own cameras.

    Frames of both cameras are paired by their time stamps. The newest pair wins: a machine that is too slow leaves
    frames out, and its views are no older than the computation takes. Nothing is written to disk, and memory does not
    grow. The command `posegaussian live` is this class with cameras, a server and a page around it.

    Args:
        calibration: two cameras by name; of more, the first two.
        model: as `load_model` returns it; None loads the weights that ship.
        settings: see `LiveSettings`; those about sources and the server have no effect here.
        device: auto, cpu, cuda or cuda:N; of the weights that ship.
        drop: whether the newest pair wins; else `feed` waits until there is room, and no pair is left out.
        scenes: images of the scene without the person, by camera, if they are known: they make masks better.

    Raises:
        ConfigError: there are fewer than two cameras.

    Examples:
        >>> import posegaussian as pg
        >>> from posegaussian.config import LiveSettings
        >>> capture = pg.read_capture("capture")
        >>> settings = LiveSettings(size=(64, 64), color="off")
        >>> with pg.LiveSession(capture.cameras, settings=settings) as session:
        ...     for name in capture.sources[:2]:  # in a real program: whenever a camera has a frame
        ...         session.feed(name, capture.image(name, 0), time=0.0, mask=capture.mask(name, 0))
        ...     frame = session.wait(seconds=60.0)
        ...     image = session.view(along=0.5)
        >>> image.shape
        (64, 64, 3)
    """

    def __init__(
        self,
        calibration: Mapping[str, SourceCamera],
        model: PoseGaussian | None = None,
        *,
        settings: LiveSettings | None = None,
        device: str = "auto",
        drop: bool = True,
        scenes: Images | None = None,
    ):
        if len(calibration) < 2:
            raise ConfigError("a live session needs two cameras", code="too-few-live-cameras")
        self.settings = settings or LiveSettings()
        self.cameras = dict(list(calibration.items())[:2])
        network = load_network(RELEASE, pick_device(device)) if model is None else model
        self.device = next(network.parameters()).device
        _compile_rasterizer(self.device, self.settings.backend)
        self.size = self.settings.size or SIZES["cuda" if self.device.type == "cuda" else "cpu"]
        self.view_size = self.settings.view or self.size
        self.pairing = Pairing(tuple(self.cameras), self.settings.tolerance)
        self.framing = PersonFraming(*(camera.pinhole() for camera in self.cameras.values()))
        self.residuals = ResidualWatch()
        self._pairing_lock, self._changed = threading.Lock(), threading.Condition()
        self._latest: LiveFrame | None = None
        self._listeners: list[Callable[[], object]] = []
        matched = self.settings.color == "auto"
        workers = max(1, min(_WORKERS, thread_count() - 4)) if self.device.type == "cuda" else 1
        stages = Stages(self.cameras, network, self.size, matched, self.settings.person, scenes)
        self.loop = Loop(stages, self.device, workers, drop, self._done, self._prepared)

    def feed(
        self,
        camera: str,
        image: UInt8[np.ndarray, "h w 3"],
        time: float | None = None,
        mask: UInt8[np.ndarray, "h w"] | None = None,
    ) -> None:
        """Give a frame of a camera; the array must not change afterwards. Any thread may call this.

        Args:
            camera: its name in the calibration.
            image: RGB, of the size of the calibration.
            time: when it was taken, seconds on the clock `time.monotonic` (or any other, the same for both cameras, if
                latencies do not matter); None: now.
            mask: coverage of the person, 0..255; None: it is found. Both cameras have masks or neither.

        Raises:
            ConfigError: there is no such camera, or the image has another size.
        """
        known = self.cameras.get(camera)
        if known is None:
            what = f"no such camera: {camera} (there are {', '.join(self.cameras)})"
            raise ConfigError(what, code="unknown-live-camera")
        if image.shape != (known.height, known.width, 3):
            what = f"images of {image.shape[1]} x {image.shape[0]} pixels, the calibration has {known.width} x "
            raise ConfigError(f"{what}{known.height}", code="live-image-size", camera=camera)
        taken = _now() if time is None else time
        self.add(camera, TimedFrame(taken, lambda: image, mask))

    def add(self, camera: str, frame: TimedFrame, read: Callable[[FramePair], Images | None] | None = None) -> None:
        """Give a frame that is decoded when its turn comes.

        Args:
            camera: its name.
            frame: of this camera.
            read: returns the images of a pair, or None where one cannot be used; default: calls their `read`.
        """
        with self._pairing_lock:
            pair = self.pairing.add(camera, frame)
        if pair is None:
            return
        masks = [each.mask for each in pair.frames if each.mask is not None]
        given = dict(zip(self.cameras, masks, strict=True)) if len(masks) == 2 else None
        chosen = read or self._read
        self.loop.put(FrameInput(pair.time, lambda: chosen(pair), given))

    def wait(self, after: int = 0, seconds: float | None = None) -> LiveFrame:
        """The newest frame, once there is one with a higher number than `after`.

        Args:
            after: number of a frame.
            seconds: how long to wait at most; None: for ever.

        Raises:
            TimeoutError: there is none.
            RuntimeError: the computation has failed.
        """
        end = None if seconds is None else _now() + seconds
        with self._changed:
            while True:
                if self._latest is not None and self._latest.number > after:
                    return self._latest
                if self.loop.failure is not None:
                    raise RuntimeError("the live session has failed") from self.loop.failure
                if end is not None and _now() > end:
                    raise TimeoutError(self.loop.problem or "no frame")
                self._changed.wait(_POLL)

    def latest(self) -> LiveFrame | None:
        """The newest frame; None before the first one."""
        return self._latest

    def view(
        self, along: float = 0.5, up: float = 0.0, zoom: float = 1.0, frame: LiveFrame | None = None
    ) -> UInt8[np.ndarray, "h w 3"] | None:
        """An image from a place between the cameras, with the person in the middle; None before the first frame.

        Args:
            along: 0 at the first camera, 1 at the second; see `viewpoint.ALONG` for the bounds.
            up: elevation above the arc between them, degrees, within `viewpoint.UP`.
            zoom: magnification, within `viewpoint.ZOOM`.
            frame: what is shown; default: the newest one.
        """
        images = self.views([Viewpoint(along, up, zoom)], frame)
        return None if images is None else images[0]

    def views(self, places: Sequence[Viewpoint], frame: LiveFrame | None = None) -> UInt8[np.ndarray, "n h w 3"] | None:
        """Images from several places, rendered at once; see `view`."""
        shown = frame or self._latest
        found = [self.framing.camera(place.bounded(), *self.view_size) for place in places]
        cameras = [camera for camera in found if camera is not None]
        if shown is None or not cameras:
            return None
        intrinsics, poses = (
            torch.stack([getattr(each, name) for each in cameras]) for name in ("intrinsics", "world_to_camera")
        )
        all_of_them = Camera(intrinsics, poses, *self.view_size)
        with own_stream(self.device):
            return to_bytes(render(shown.gaussians, all_of_them, backend=self.settings.backend).colors)

    def problem(self) -> str:
        """Why there are no new frames, in one line; empty where there are."""
        return self.loop.problem

    def listen(self, call: Callable[[], object]) -> Callable[[], object]:
        """Call a function after each frame, in the network's thread; it must return at once.

        Returns:
            a function that ends this; the network's thread may be about to call once more.
        """
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    def close(self) -> None:
        """End all threads."""
        self.loop.close()

    def __enter__(self) -> "LiveSession":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None):
        self.close()

    def _read(self, pair: FramePair) -> Images:
        return {name: frame.read() for name, frame in zip(self.cameras, pair.frames, strict=True)}

    def _prepared(self, prepared: Prepared) -> None:
        self.residuals.add(prepared.pair)

    def _done(self, frame: LiveFrame) -> None:
        self.framing.update(frame.gaussians, frame.time)
        with self._changed:
            self._latest = frame
            self._changed.notify_all()
        for call in tuple(self._listeners):
            call()


def _compile_rasterizer(device: torch.device, backend: str) -> None:
    """Render one Gaussian: rasterisers compile their kernels at the first use, gsplat for a minute or two.

    Not within `render`, where it would hold up the capture of graphs all the time.
    """
    shape = torch.eye(4)[:1], torch.ones(1, 3), torch.ones(1), torch.ones(1, 3)
    gaussians = Gaussians(torch.tensor([[0.0, 0, 2]]), *shape).to(device)
    camera = Camera(torch.tensor([[8.0, 0, 4], [0, 8, 4], [0, 0, 1]]), torch.eye(4), 8, 8).to(device)
    with torch.inference_mode(), own_stream(device):
        rasterize(gaussians, camera, backend=backend)


def _now() -> float:
    return time.monotonic()
