"""Parts of rooms that closed forms know: walls, floors, boards, cameras and lights."""

import numpy as np
import torch

from posegaussian.synthetic.mesh.mesh_colours import MeshColours
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.people.bake import BakedMesh
from posegaussian.synthetic.people.subject_mesh import PosedMesh, SubjectMesh
from posegaussian.synthetic.renderer.lights import Lights
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import RigCamera, look_at
from posegaussian.synthetic.rooms.palette import Palette
from posegaussian.synthetic.rooms.room import Fixtures, Room
from posegaussian.synthetic.rooms.surfaces import ROOM, Builder
from posegaussian.types import Camera

SIZE, FOCAL = 96, 90.0
FIRST = torch.zeros(1, dtype=torch.long)
MIDDLE = torch.tensor([0.0, 0, 1])


def camera(eye, towards=(0.0, 0, 1)) -> Camera:
    matrix = np.array([[FOCAL, 0, SIZE / 2 + 0.3], [0, FOCAL, SIZE / 2 - 0.4], [0, 0, 1]])
    return camera_batch([RigCamera(matrix, look_at(np.array(eye, float), np.array(towards, float)), SIZE, SIZE)])


def pixels(view: Camera, points) -> np.ndarray:
    """Pixels of points in the world, written out."""
    pose, lens = view.world_to_camera[0].double().numpy(), view.intrinsics[0].double().numpy()
    local = np.asarray(points, float) @ pose[:3, :3].T + pose[:3, 3]
    return (local / local[:, 2:]) @ lens[:2].T


def area(corners: np.ndarray) -> float:
    """Of a polygon (the shoelace formula)."""
    x, y = corners.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def room_of(build, ambient: float = 0.0, lamp=(0.0, 0, 40), strength: float = 0.0, **rest) -> Room:
    """A room of what `build` adds to a builder and a palette, with one lamp."""
    builder, palette = Builder(np.random.default_rng(0)), Palette(np.random.default_rng(1))
    build(builder, palette)
    values = {
        "centre": [lamp],
        "axes": np.zeros((1, 2, 3)), "facing": np.zeros((1, 3)), "strengths": np.full((1, 3), strength),
        "distance": [np.linalg.norm(np.array(lamp) - [0, 0, 1])], "fades": [0.0], "ambient": np.full(3, ambient),
        "bounce": np.ones((6, 3)), "low": np.full(3, -1e3), "high": np.full(3, 1e3), "turn": np.eye(3),
        "blocks": builder.blocks(),
    }  # fmt: skip
    fixtures = Fixtures(**{name: torch.tensor(np.array(value), dtype=torch.float32) for name, value in values.items()})
    return Room.of("test", builder.panels(), palette.rows(), np.zeros(3), fixtures, False, **rest)


def wall_with_a_mark(builder, palette):
    """A black wall at y = 2 and a white, glowing mark on it."""
    builder.place(label=ROOM)
    builder.panel((-3, 2, -1), (6, 0, 0), (0, 0, 4), palette.add("plain", (0.0, 0, 0)))
    builder.panel(
        (-0.6, 1.999, 0.6), (1.2, 0, 0), (0, 0, 0.9), palette.add("plain", (1.0, 1, 1), (1.0, 1, 1), glow=1.0)
    )


MARK = np.array([[-0.6, 1.999, 0.6], [0.6, 1.999, 0.6], [0.6, 1.999, 1.5], [-0.6, 1.999, 1.5]])


def floor(builder, palette):
    builder.place(label=ROOM)
    builder.panel((-4, -4, 0), (8, 0, 0), (0, 8, 0), palette.add("plain", (0.5, 0.5, 0.5)))


def person(vertices, faces) -> PosedMesh:
    """A rigid white mesh instead of a person."""
    vertices, faces = np.asarray(vertices, float), np.asarray(faces)
    texels = np.full((3 * len(faces), 5), 128, np.uint8)
    texels[:, :3] = 255
    colours = MeshColours(np.ones(len(faces), np.uint8), 3 * np.arange(len(faces)), texels)
    baked = BakedMesh.rigid(vertices, vertex_normals(vertices, faces), faces, colours)
    return SubjectMesh.of(baked).posed(torch.eye(3, 4)[None, None])


def board(x=(-0.3, 0.3), z=(0.5, 1.5), y=0.0) -> PosedMesh:
    """An upright rectangle."""
    corners = [(x[0], y, z[0]), (x[1], y, z[0]), (x[1], y, z[1]), (x[0], y, z[1])]
    return person(corners, [[0, 1, 2], [0, 2, 3]])


def lights(direction=(0.0, 0, 1), strength=0.0, ambient=0.0, softness=0.001) -> Lights:
    tensor = torch.tensor
    return Lights(
        tensor([direction]), tensor([[strength] * 3]), tensor([ambient] * 3), torch.zeros(3), tensor(softness)
    )
