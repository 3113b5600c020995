"""The room of a capture: each camera's view of it is made once, when it is first needed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.lights import Lights, ShadowMap
from posegaussian.synthetic.renderer.render import GroundTruth, RenderedColours
from posegaussian.synthetic.rooms.bystanders import (
    Bystanders,
    middle_of,
    placed,
    truth_with_bystanders,
)
from posegaussian.synthetic.rooms.darkening import Shade
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.posters import hung
from posegaussian.synthetic.rooms.reflection import SeenRoom
from posegaussian.synthetic.rooms.room import Room
from posegaussian.synthetic.rooms.view import (
    RoomTruth,
    room_truth,
    visible_truth,
)
from posegaussian.types import Camera


@dataclass
class Surroundings:
    """A room on the CPU, and what static cameras see of it."""

    room: Room
    lights: Lights  # the light
    lamp: Camera  # camera of the shadow map, batch of 1
    middle: Float32[Tensor, "3"]  # of the person over all frames, metres
    people: Sequence[Subject] = ()  # other people
    shown: Sequence[Subject] = ()  # people on posters
    fps: int = 30  # frames per second
    _lit: LitRoom | None = None
    _views: dict[str, SeenRoom] = field(default_factory=dict)
    _truths: dict[str, RoomTruth] = field(default_factory=dict)

    @property
    def lit(self) -> LitRoom:
        """The room with baked light and pictures on its posters."""
        if self._lit is None:
            self._lit = hung(LitRoom.of(self.room), [subject.posed_first() for subject in self.shown])
        return self._lit

    def inhabited(self, people: Sequence[Subject], fps: int) -> "Surroundings":
        """The same with other people, as many as the room has places for, and then those on its posters.

        Args:
            people: those who stand in their first frame, those who walk in all frames.
            fps: frames per second.
        """
        count = len(self.room.others)
        return replace(self, people=people[:count], shown=people[count:], fps=fps)

    def walks(self, number: int) -> bool:
        """Whether another person walks past."""
        return bool(self.room.others[number, 3] > 0)

    def view(
        self, name: str | None, camera: Camera, distortion: Float[np.ndarray, "5"], frame: int | None = None
    ) -> SeenRoom:
        """The empty room in a camera.

        Args:
            name: of the camera, under which the view is kept; None: it is not.
            camera: batch of 1.
            distortion: of its lens.
            frame: which shows those who walk; None: without them.
        """
        seen = None if name is None else self._views.get(name)
        if seen is None:
            seen = SeenRoom.of(self.lit, camera, torch.from_numpy(distortion)[None].float())
            seen = seen.inhabited(*self.others_at(None), self.lights)
            seen = seen if self._walkers else seen.quick(self.lamp, self.middle)
            if name is not None:
                self._views[name] = seen
        if frame is None or not self._walkers:
            return seen
        return seen.inhabited(*self.others_at(frame), self.lights).quick(self.lamp, self.middle)

    @property
    def _walkers(self) -> list[int]:
        return [number for number in range(len(self.people)) if self.walks(number)]

    def others_at(self, frame: int | None) -> tuple[list[PosedMesh], Bystanders | None]:
        """Those who walk, in a frame, where they are then; or, without a frame, those who stand."""
        chosen = [number for number in range(len(self.people)) if self.walks(number) != (frame is None)]
        if not chosen:
            return [], None
        frames = max(len(self.people[number].transforms) for number in chosen)
        others, half = self.room.others[chosen], frames // 2
        middle, now = (
            Bystanders.of(others, self.lights, ((frame or 0) - half) / self.fps * moved) for moved in (0.0, 1.0)
        )
        assert middle is not None
        people = []
        for place, number in enumerate(chosen):
            subject = self.people[number]
            origin = middle_of(subject.posed(np.array([half])))
            people.append(placed(subject.posed(np.array([frame or 0])), middle, place, origin))
        return people, now

    def plate(self, name: str, camera: Camera, distortion: Float[np.ndarray, "5"]) -> Float32[Tensor, "1 3 h w"]:
        """The image of the empty room; arguments as for `view`."""
        return self.view(name, camera, distortion).plate()

    def image(
        self,
        name: str | None,
        posed: PosedMesh,
        camera: Camera,
        distortion: Float[np.ndarray, "5"],
        shadows: ShadowMap,
        frame: int,
    ) -> tuple[Float32[Tensor, "1 3 h w"], RenderedColours]:
        """The image of a person in the room, and the person alone."""
        first = torch.zeros(1, dtype=torch.long)
        shade = Shade.of(posed, shadows, self.lights, self.middle)
        return self.view(name, camera, distortion, frame).images(posed, first, camera, self.lights, shadows, shade)

    def truth(
        self, name: str, person: GroundTruth, camera: Camera, distortion: Float[np.ndarray, "5"], frame: int
    ) -> tuple[GroundTruth, RoomTruth]:
        """The person's ground truth where nothing hides them, and that of everything."""
        lens = torch.from_numpy(distortion)[None].float()
        if name not in self._truths:
            empty = room_truth(self.lit, camera, lens)
            self._truths[name] = truth_with_bystanders(empty, self.others_at(None)[0], camera, lens)
        whole = self._truths[name]
        return visible_truth(person, truth_with_bystanders(whole, self.others_at(frame)[0], camera, lens))
