"""Cameras and light of a capture, and what they render of a person on the CPU."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from posegaussian.config import BuiltinSettings, SensorSettings
from posegaussian.synthetic.dataset.window import Window
from posegaussian.synthetic.motion.motion import WALKING_SPEED
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.lights import Lights, ShadowMap, draw_lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import RenderedColours, render_colours, render_ground_truth
from posegaussian.synthetic.rigs.calibration import camera_batch, perturb_calibration
from posegaussian.synthetic.rigs.rig import Rig
from posegaussian.synthetic.rooms.drawing import draw_room
from posegaussian.synthetic.rooms.surroundings import Surroundings
from posegaussian.synthetic.sensors.development import draw_development
from posegaussian.synthetic.sensors.sensor import Sensor, draw_sensors
from posegaussian.types import Camera


@dataclass(frozen=True)
class CaptureImage:
    """One image in front of the wall or in a room, and its ground truth."""

    image: UInt8[np.ndarray, "h w 3"]  # RGB
    # how much of each pixel the person covers, 0..255; what stands before the person is left out
    mask: UInt8[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"]  # along the optical axis at the pixel's centre, metres; 0 in the background
    room: "RoomImage | None" = None  # what is only known in a room


@dataclass(frozen=True)
class RoomImage:
    """Ground truth of an image in a room."""

    # RGB of the person in each pixel that they cover, not multiplied by the coverage; 0 elsewhere
    foreground: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]  # of everything, metres; 0 where nothing is
    labels: UInt8[np.ndarray, "h w"]  # 1 the person, 2 other people, 3 things, 4 the room; 0 far away


@dataclass(frozen=True)
class CaptureScene:
    """Cameras, sensors and light of a capture."""

    rig: Rig  # the cameras according to their calibration
    actual: dict[str, Camera]  # the cameras that render the images, by name, with errors of calibration
    sensors: dict[str, Sensor]  # sensor effects of each camera, by name; batch of all frames
    lights: Lights  # the light
    middle: Float[np.ndarray, "3"]  # of the person over all frames, metres
    surroundings: Surroundings | None = None  # the room; None: an even wall

    @staticmethod
    def draw(
        rng: np.random.Generator, settings: BuiltinSettings, rig: Rig, extent: Float[np.ndarray, "p 3"]
    ) -> "CaptureScene":
        """A random scene around a rig; held-out cameras, which results are compared with, have clean sensors.

        Their development is that of the sources: with the settings' metering, each meters what it sees.
        """
        lights = draw_lights(rng, settings.light)
        development = draw_development(rng, settings.sensor, settings.light.linear)
        actual, sensors = {}, {}
        for name, view in rig.cameras.items():
            sensor = settings.sensor if name in rig.sources else SensorSettings()
            actual[name] = perturb_calibration(rng, sensor, camera_batch([view]), extent)
            sensors[name] = draw_sensors(rng, sensor, development, settings.frames, 1)
        scene = CaptureScene(rig, actual, sensors, lights, (extent.min(0) + extent.max(0)) / 2)
        return scene if settings.room.off else scene._in_room(rng, settings, extent)

    def _in_room(
        self, rng: np.random.Generator, settings: BuiltinSettings, extent: Float[np.ndarray, "p 3"]
    ) -> "CaptureScene":
        """The same cameras in a random room, with its light."""
        eyes = np.stack([view.centre for view in self.rig.cameras.values()])
        drawn = draw_room(rng, settings.room, settings.light, eyes, extent, (settings.frames - 1) / settings.fps)
        if drawn is None:
            return self
        room, lights = drawn
        middle = torch.from_numpy(self.middle.astype(np.float32))
        surroundings = Surroundings(room, lights, lamp_camera(lights, self.middle)[None], middle)
        return replace(self, lights=lights, surroundings=surroundings)

    @property
    def others(self) -> int:
        """Number of other people that the room has places for, and of those on its posters."""
        if self.surroundings is None:
            return 0
        room = self.surroundings.room
        return len(room.others) + (0 if room.posters is None else len(room.posters.first))

    @property
    def board(self) -> Float[np.ndarray, "c 3"] | None:
        """Inner corners of a calibration board on the floor, metres; None without one."""
        corners = np.zeros((0, 3)) if self.surroundings is None else self.surroundings.room.board.double().numpy()
        return corners if len(corners) else None

    def pace(self, number: int) -> float:
        """Speed of another person who walks past, against the usual one; 0 of one who stands, or on a poster."""
        if self.surroundings is None or number >= len(self.surroundings.room.others):
            return 0.0
        return float(self.surroundings.room.others[number, 3]) / WALKING_SPEED

    def with_others(self, people: Sequence[Subject], fps: int) -> "CaptureScene":
        """The scene with other people; arguments as for `Surroundings.inhabited`."""
        assert self.surroundings is not None
        return replace(self, surroundings=self.surroundings.inhabited(people, fps))

    def only(self, name: str) -> "CaptureScene":
        """The scene with one of its source cameras alone."""
        return replace(self, rig=Rig({name: self.rig.sources[name]}, {}, []))

    def background(self, name: str) -> UInt8[np.ndarray, "h w 3"] | None:
        """The image of the empty room in a camera, with its sensor effects; None without a room."""
        if self.surroundings is None:
            return None
        plate = self.surroundings.plate(name, self.actual[name], self.rig.cameras[name].distortion)
        return _bytes(self.sensors[name][:1].apply(plate)[0].permute(1, 2, 0))

    def render(
        self, posed: PosedMesh, frame: int, board: Float[np.ndarray, "p 3"] | None = None
    ) -> Iterator[tuple[str, CaptureImage]]:
        """Name and image of every camera.

        Args:
            posed: the person in one frame.
            frame: its number, which selects the sensors' noise.
            board: the outline of a calibration board, metres, in the world, which is rendered with more samples.
        """
        shadows = shadow_map(posed, lamp_camera(self.lights, self.middle)[None])
        now = torch.zeros(1, dtype=torch.long)
        for name, view in self.rig.cameras.items():
            camera, lens = self.actual[name], torch.from_numpy(view.distortion)[None].float()
            sensor, truth = self.sensors[name][frame : frame + 1], None
            person = render_ground_truth(posed, now, camera_batch([view]), lens)
            plain, rendered = self._colours(name, posed, camera, view.distortion, shadows, frame)
            window = None if board is None else Window.around(board, camera, lens)
            if window is not None:
                fine, person_fine = self._colours(None, posed, window.camera(camera), view.distortion, shadows, frame)
                plain, rendered = window.pasted(plain, fine), window.pasted_colours(rendered, person_fine)
            if self.surroundings is not None:
                person, whole = self.surroundings.truth(name, person, camera_batch([view]), view.distortion, frame)
                colours = rendered.colours / rendered.coverage.clamp_min(1e-6)
                foreground = _bytes(sensor.exposed(colours, plain)[0].permute(1, 2, 0))
                truth = RoomImage(foreground, whole.depth[0].numpy(), whole.labels[0].numpy())
            image = _bytes(sensor.apply(plain)[0].permute(1, 2, 0))
            mask = _bytes(rendered.coverage[0, 0])
            yield name, CaptureImage(image, mask, person.depth[0].numpy(), truth)

    def _colours(
        self,
        name: str | None,
        posed: PosedMesh,
        camera: Camera,
        distortion: Float[np.ndarray, "5"],
        shadows: ShadowMap,
        frame: int,
    ) -> tuple[Float32[torch.Tensor, "1 3 h w"], RenderedColours]:
        """The image before the sensor, and the person alone; the room of a camera without a name is not kept."""
        if self.surroundings is not None:
            return self.surroundings.image(name, posed, camera, distortion, shadows, frame)
        lens, now = torch.from_numpy(distortion)[None].float(), torch.zeros(1, dtype=torch.long)
        rendered = render_colours(posed, now, camera, self.lights, shadows, lens)
        return rendered.over(self.lights.background), rendered


def _bytes(values: torch.Tensor) -> np.ndarray:
    return (255 * values).round().to(torch.uint8).contiguous().numpy()
