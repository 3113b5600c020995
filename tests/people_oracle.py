"""Analytic people in front of cameras, and networks that know the truth: what `find_people` sees of them."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import helpers
import numpy as np
import torch
from torch.nn import functional

from posegaussian.geometry.lens import SourceCamera
from posegaussian.pose.detectors.blazepose.crops import Crops, cell_centres, upright_crops
from posegaussian.pose.detectors.blazepose.finder import BlazePose
from posegaussian.pose.detectors.blazepose.landmarks import People
from posegaussian.pose.detectors.blazepose.person_detector import FoundPeople
from posegaussian.pose.person import LANDMARKS

SIZE = 400
"""Width and height of the images, pixels."""
TORSO = {"left_hip": (0, 0.1, 0.9), "right_hip": (0, -0.1, 0.9), "left_shoulder": (0, 0.2, 1.4)}
TORSO |= {"right_shoulder": (0, -0.2, 1.4), "nose": (0.1, 0, 1.6)}
HIPS = [LANDMARKS.index(f"{side}_hip") for side in ("left", "right")]


def landmarks(x=0.0, y=0.0, scale=1.0):
    """The 33 landmarks of somebody who stands there, metres; z points up."""
    random = np.random.default_rng(3)
    points = random.uniform([-0.2, -0.3, 0.1], [0.2, 0.3, 1.6], (33, 3))
    for name, place in TORSO.items():
        points[LANDMARKS.index(name)] = place
    return scale * points + [x, y, 0]


def camera(degrees, radius=3.0):
    """A camera on a circle, 1 m above the floor, that looks at the axis, with a lens that distorts."""
    turn = np.radians(degrees)
    forward = -np.array([np.cos(turn), np.sin(turn), 0])
    rotation = np.stack([np.cross([0, 0, -1.0], forward), [0, 0, -1.0], forward])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, -rotation @ (np.array([0, 0, 1.0]) - radius * forward)
    matrix = np.array([[380.0, 0, SIZE / 2], [0, 380, SIZE / 2], [0, 0, 1]])
    return SourceCamera(matrix, np.array([-0.05, 0.01, 0, 0, 0]), pose, SIZE, SIZE)


class Oracle(BlazePose):
    """Both networks, which know who is where.

    Args:
        cameras: in the order of the number in an image's first pixel.
        people: their landmarks in every frame, metres; or by the frame that is the second number of that pixel.
        blind: pairs (camera, person) that the detector misses.
        gone: pairs (camera, person) that the image does not show.
        behind: person whose hips must be painted over before a pair (camera, person) is seen.
        moved: by which each camera's landmarks are wrong, pixels.
        flat: images of people, pixels (33, 2), that only one camera sees.
    """

    cameras: Mapping[str, SourceCamera]
    people: list | dict
    blind: set
    gone: set
    behind: dict
    moved: dict
    flat: dict
    calls: list

    def __init__(self, cameras, people, blind=(), gone=(), moved=None, flat=None, behind=None):
        known = {"cameras": cameras, "people": people, "blind": blind, "gone": gone, "calls": []}
        further = {"moved": moved or {}, "flat": flat or {}, "behind": behind or {}}
        for name, value in {**known, **further}.items():
            object.__setattr__(self, name, value)

    @property
    def device(self):
        return torch.device("cpu")

    def seen(self, image):
        people = self.people.get(int(image[1, 0, 0]), []) if isinstance(self.people, dict) else self.people
        name = list(self.cameras)[int(image[0, 0, 0])]
        pixels = [
            (index, self.cameras[name].project(points) + self.moved.get(name, 0))
            for index, points in enumerate(people)
            if (name, index) not in self.gone and not self._stands_before(image, name, people, index)
        ]
        return name, pixels + [("flat", each) for each in self.flat.get(name, [])]

    def _stands_before(self, image, name, people, index):
        """Whether the networks see only the person before another one."""
        if (name, index) not in self.behind:
            return False
        column, row = self.cameras[name].project(people[self.behind[name, index]])[HIPS].mean(0).astype(int)
        return bool((image[:, row, column] == image[:, 0, 0]).all())

    @staticmethod
    def image(camera, frame=0):
        """The image of a camera, by its place in the order, and of a frame."""
        pixel = np.array([camera, frame, 0], np.uint8)
        return np.tile(pixel, (SIZE, SIZE, 1))

    def crops(self, pixels):
        hips = torch.tensor(pixels[HIPS].mean(0)).float()
        shoulders = pixels[[LANDMARKS.index(f"{side}_shoulder") for side in ("left", "right")]].mean(0)
        up = torch.tensor(shoulders).float() - hips
        radius = float(np.linalg.norm(pixels - hips.numpy(), axis=1).max())
        return upright_crops(hips, hips + radius * up / up.norm())

    def locate(self, images):
        self.calls.append(("locate", [self.seen(image)[0] for image in images]))
        found = []
        for image in images:
            name, people = self.seen(image)
            rows = [self.crops(pixels).rows() for index, pixels in people if (name, index) not in self.blind]
            rows = torch.stack(rows) if rows else torch.zeros(0, 4)
            found.append(FoundPeople(Crops.of_rows(rows), torch.ones(len(rows)), rows))
        return found

    def measure(self, images, crops, refinements=0):
        self.calls.append(("measure", [self.seen(image)[0] for image in images]))
        rows = []
        for image, row in zip(images, crops.rows().numpy(), strict=True):
            each = [
                (np.abs(self.crops(pixels).centre.numpy() - row[:2]).max(), pixels) for _, pixels in self.seen(image)[1]
            ]
            off, pixels = min(each, key=lambda one: one[0], default=(np.inf, np.zeros((33, 2))))
            score = 0.9 if off < row[2] / 4 else 0.1
            rows.append((score, np.column_stack([pixels, np.zeros(33)]), row, self.crops(pixels).rows().numpy()))
        score, points, looked, following = (torch.tensor(np.array(part)).float() for part in zip(*rows, strict=True))
        sure = torch.ones(len(rows), 33)
        matte = torch.full((len(rows), 256, 256), -30.0)
        matte[:, 118:138, 118:138] = 30  # around the hips
        return People(Crops.of_rows(looked), Crops.of_rows(following), score, points, sure, sure, points, matte)


def numbered_capture(folder: Path, azimuths: dict[str, float], frames: int) -> Path:
    """Write a capture without masks, whose images hold the numbers of camera and frame; azimuths in degrees."""
    rig = {name: helpers.lens(azimuth, radius=3.0, size=(SIZE, SIZE)) for name, azimuth in azimuths.items()}
    helpers.write_calibration(folder, rig)
    for index, name in enumerate(rig):
        (folder / "images" / name).mkdir(parents=True)
        for frame in range(frames):
            cv2.imwrite(str(folder / f"images/{name}/{frame:06d}.png"), Oracle.image(index, frame)[..., ::-1])
    return folder


def from_image(crops, pixels):
    """Positions of image pixels within crops: the inverse of `Crops.to_image`."""
    corners = crops.to_image(pixels.new_tensor([[0, 0], [1, 0], [0, 1]]).expand(len(crops.side), 3, 2))
    axes = (corners[:, 1:] - corners[:, :1]).mT
    return torch.linalg.solve(axes, (pixels - corners[:, :1]).mT).mT


def image_mattes(people, height, width):
    """Coverage of each person in [0, 1], in the pixels of images of one size; 0 outside the crops."""
    pixels = cell_centres(height, width, people.score.device) * people.score.new_tensor([width, height])
    grid = 2 * from_image(people.crops, pixels.expand(len(people.score), -1, -1)) - 1
    alpha = people.matte_logits.sigmoid()[:, None]
    return functional.grid_sample(alpha, grid.unflatten(1, (height, width)), align_corners=False)[:, 0]
