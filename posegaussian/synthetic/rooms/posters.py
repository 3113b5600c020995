"""Posters on walls: pictures of other people, printed coarsely.

A poster is a white panel of many cells. Its picture multiplies the light that is baked at their corners, so that it is
shaded as all other panels are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float32
from torch import Tensor

from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.lights import decoded, shadow_map
from posegaussian.synthetic.renderer.render import render_colours
from posegaussian.synthetic.rooms.bystanders import middle_of
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.pictures import CELLS, Posters


def hung(lit: LitRoom, people: Sequence[PosedMesh]) -> LitRoom:
    """The room with pictures of people on its posters; on white paper where there are fewer people."""
    posters, strength, decoding = lit.room.posters, lit.room.fixtures.strengths[0], lit.room.fixtures.decoding
    if posters is None or not people:
        return lit
    light, count = lit.light.clone(), (CELLS[0] + 1) * (CELLS[1] + 1)
    for number, (first, posed) in enumerate(zip(posters.first, people, strict=False)):
        place = slice(first, first + count)
        print_ = _picture(posters, number, posed).flip(1).permute(2, 1, 0).reshape(-1, 3)  # from the left, upwards
        whole = light[place, :3] + light[place, 3:] * strength
        light[place, :3] = decoded(print_, decoding) * whole
        light[place, 3] = 0  # the key light has no colours of its own; so people cast no sharp shadows on posters
    return replace(lit, light=light)


def _picture(posters: Posters, number: int, posed: PosedMesh) -> Float32[Tensor, "3 h w"]:
    """The picture of a person, RGB in 0..1."""
    middle = middle_of(posed)
    back = torch.cat([middle, torch.zeros_like(middle[:, :1])], dim=1)[:, None]
    posed = replace(posed, vertices=posed.vertices - back)
    frame = torch.zeros(1, dtype=torch.long, device=middle.device)
    shadows = shadow_map(posed, posters.lamp)
    rendered = render_colours(posed, frame, posters.camera[number : number + 1], posters.lights, shadows)
    return rendered.over(posters.paper[number])[0].clamp(0, 1)
