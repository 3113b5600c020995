"""The endless stream of training samples: new people on new rigs, rendered on the CPU or on CUDA.

The stream keeps a pool of people. Each slot of the pool gets a new person every `lifetime` steps, one slot after the
other. The person in a slot, and everything else about a step, follows from the settings, the seed and the numbers
(step, clips, frames) alone. Nothing depends on earlier calls, so a resumed run continues exactly.
"""

import sys
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain

import numpy as np
import torch

from posegaussian.config import SEQUENCE_SECONDS, PeopleSettings, StreamSettings
from posegaussian.synthetic.dataset.ahead import DrawnAhead, end_at_once, new_executor
from posegaussian.synthetic.dataset.camera_sample import ClipPerson, draw_packed
from posegaussian.synthetic.dataset.clips import render_drawn
from posegaussian.synthetic.dataset.sample import Sample
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.splits import FIRST_TRAIN_SEED
from posegaussian.synthetic.people.subject import Subject

_SEEDS, _SLOTS, _CLIPS = 1, 2, 3
"""Second part of the random seed: of people, of the slots that a step uses, and of its clips."""


class SyntheticStream:
    """Random access to the training samples of any step.

    Args:
        settings: ranges to draw from, and the size of the pool.
        seed: of all random numbers.
        device: where samples are rendered and stay.
    """

    def __init__(self, settings: StreamSettings, seed: int, device: torch.device | str = "cpu"):
        self.settings, self.seed, self.device = settings, seed, torch.device(device)
        self._executor: ProcessPoolExecutor | None = None
        self._pending: dict[int, Future] = {}
        self._subjects: dict[int, Subject] = {}
        self._ahead = DrawnAhead()
        self.draws_ahead = settings.workers > 0 and self.device.type != "cpu"
        """Whether other processes draw coming steps. On the CPU, rendering takes so long that this gains nothing."""
        self.waits = 0
        """How often a step needed a person who was not ready."""

    def batch(self, step: int, clips: int, frames: int, variant: StreamSettings | None = None) -> Sample:
        """The samples of a step: `clips` people, each in `frames` consecutive frames.

        On CUDA the work is queued on the current stream.

        Args:
            step: number of the step; the same step always gives the same samples.
            clips: number of clips, one person each.
            frames: number of frames of each clip.
            variant: settings to render with instead of the stream's own, which still decide who is in the pool.
        """
        settings, wanted = variant or self.settings, self._people(step, clips)
        self._request(step, wanted)
        subjects = [self._subject(person) for person in wanted]
        drawn = self._ahead.take(step, clips, frames, settings)
        if drawn is None:
            drawn = draw_packed(*self._to_draw(step, subjects, frames, settings), settings)
        return render_drawn(subjects, drawn, not settings.room.off)

    def expect(self, step: int, clips: int, frames: int, variant: StreamSettings | None = None) -> None:
        """Begin to draw the random parameters of a coming step in another process, if its people are ready.

        Without it the same parameters are drawn when the step is asked for; arguments as for `batch`.
        """
        settings, wanted = variant or self.settings, self._people(step, clips)
        if self.draws_ahead and all(person in self._subjects for person in wanted):
            subjects = [self._subjects[person] for person in wanted]
            self._ahead.start(step, clips, frames, settings, lambda: self._to_draw(step, subjects, frames, settings))

    def _people(self, step: int, clips: int) -> list[int]:
        """Seeds of the people of a step."""
        pool = self.settings.pool
        draw = np.random.default_rng([self.seed, _SLOTS, step])
        return [self.person(int(slot), step) for slot in draw.choice(pool, clips, replace=clips > pool)]

    def _to_draw(
        self, step: int, subjects: list[Subject], frames: int, settings: StreamSettings
    ) -> tuple[list[ClipPerson], list[np.random.Generator]]:
        """The first two arguments of `draw_packed`."""
        rngs = [np.random.default_rng([self.seed, _CLIPS, step, number]) for number in range(len(subjects))]
        pairs = zip(subjects, rngs, strict=True)
        return [ClipPerson.draw(each.seed, each.poses, rng, settings, frames) for each, rng in pairs], rngs

    def close(self) -> None:
        """Stop the workers at once, without waiting for people that are no longer needed."""
        self._ahead.close()
        if self._executor is not None:
            end_at_once(self._executor)
            self._executor = None
        self._pending.clear()
        self._subjects.clear()

    def __enter__(self) -> "SyntheticStream":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def person(self, slot: int, step: int) -> int:
        """Seed of the person in a slot of the pool at a step."""
        lifetime = self.settings.lifetime
        generation = (step + slot * lifetime // self.settings.pool) // lifetime
        rng = np.random.default_rng([self.seed, _SEEDS, slot, generation])
        return FIRST_TRAIN_SEED + int(rng.integers(1 << 31))

    def _request(self, step: int, wanted: list[int]) -> None:
        """Start to prepare people that are needed now or soon, most urgent first; drop those that left the pool."""
        slots, half = range(self.settings.pool), self.settings.lifetime // 2
        now = {self.person(slot, step) for slot in slots}
        soon = {self.person(slot, step + half) for slot in slots}
        for known in (self._subjects, self._pending):
            for person in known.keys() - now - soon:
                del known[person]
        if self.settings.workers:
            for person in chain(wanted, sorted(now), sorted(soon)):
                if person not in self._subjects and person not in self._pending:
                    self._pending[person] = self._workers().submit(prepare_subject, person, *self._preparation())

    def _subject(self, person: int) -> Subject:
        if person not in self._subjects:
            coming = self._pending.pop(person, None)
            if coming and not coming.done():
                self._count_wait()
            prepared = coming.result() if coming else prepare_subject(person, *self._preparation())
            self._subjects[person] = Subject.of(prepared, self.device)
        return self._subjects[person]

    def _count_wait(self) -> None:
        """Count a wait for a person; print advice once, when filling the pool no longer explains the waits."""
        self.waits += 1
        if self.waits == self.settings.pool + 1:
            text = "steps wait for people: raise `workers` or `lifetime` of the stream"
            print(text, file=sys.stderr, flush=True)

    def _preparation(self) -> tuple[PeopleSettings, int, int, float]:
        """Arguments of `prepare_subject` after the seed."""
        settings = self.settings
        return settings.people, SEQUENCE_SECONDS * settings.fps, settings.fps, texel_for(max(settings.target_size))

    def _workers(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = new_executor(self.settings.workers)
        return self._executor
