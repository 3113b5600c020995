"""Cameras and light of a capture, and what they render of a person on the CPU."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from posegaussian.config import BuiltinSettings, SensorSettings
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.lights import Lights, draw_lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import render_colours, render_ground_truth
from posegaussian.synthetic.rigs.calibration import camera_batch, perturb_calibration
from posegaussian.synthetic.rigs.rig import Rig
from posegaussian.synthetic.sensors.sensor import Sensor, draw_sensors
from posegaussian.types import Camera


@dataclass(frozen=True)
class CaptureImage:
    """One image in front of the wall, and its ground truth.

    Args:
        image: RGB.
        mask: how much of each pixel the person covers, 0..255.
        depth: along the optical axis at the pixel's centre, metres; 0 in the background.
    """

    image: UInt8[np.ndarray, "h w 3"]
    mask: UInt8[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"]


@dataclass(frozen=True)
class CaptureScene:
    """Cameras, sensors and light of a capture.

    Args:
        rig: the cameras according to their calibration.
        actual: the cameras that render the images, by name, with errors of calibration.
        sensors: sensor effects of each camera, by name; batch of all frames.
        lights: the light.
        middle: of the person over all frames, metres.
    """

    rig: Rig
    actual: dict[str, Camera]
    sensors: dict[str, Sensor]
    lights: Lights
    middle: Float[np.ndarray, "3"]

    @staticmethod
    def draw(
        rng: np.random.Generator, settings: BuiltinSettings, rig: Rig, extent: Float[np.ndarray, "p 3"]
    ) -> "CaptureScene":
        """A random scene around a rig; held-out cameras, which results are compared with, have clean sensors."""
        lights = draw_lights(rng, settings.light)
        actual, sensors = {}, {}
        for name, view in rig.cameras.items():
            sensor = settings.sensor if name in rig.sources else SensorSettings()
            actual[name] = perturb_calibration(rng, sensor, camera_batch([view]), extent)
            sensors[name] = draw_sensors(rng, sensor, settings.frames, 1)
        return CaptureScene(rig, actual, sensors, lights, (extent.min(0) + extent.max(0)) / 2)

    def render(self, posed: PosedMesh, frame: int) -> Iterator[tuple[str, CaptureImage]]:
        """Name and image of every camera.

        Args:
            posed: the person in one frame.
            frame: its number, which selects the sensors' noise.
        """
        lamp = lamp_camera(self.lights, self.middle)
        shadows = shadow_map(posed, lamp[None])
        now = torch.zeros(1, dtype=torch.long)
        for name, view in self.rig.cameras.items():
            lens = torch.from_numpy(view.distortion)[None].float()
            rendered = render_colours(posed, now, self.actual[name], self.lights, shadows, lens)
            image = self.sensors[name][frame : frame + 1].apply(rendered.over(self.lights.background))
            depth = render_ground_truth(posed, now, camera_batch([view]), lens).depth
            yield (
                name,
                CaptureImage(_bytes(image[0].permute(1, 2, 0)), _bytes(rendered.coverage[0, 0]), depth[0].numpy()),
            )


def _bytes(values: torch.Tensor) -> np.ndarray:
    return (255 * values).round().to(torch.uint8).contiguous().numpy()
