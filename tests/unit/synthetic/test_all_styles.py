"""People of every named style, in random company: they are made, finite, and their joints are inside of them."""

from typing import get_args

import numpy as np
import pytest
from ray_casting import posed_vertices

from posegaussian.config import PeopleSettings
from posegaussian.config.people import Fabric, Garment, Hair, Movement, Thing
from posegaussian.synthetic.body.body import linear_blend_skinning
from posegaussian.synthetic.people.person import make_person

STYLES = {"garments": Garment, "hair": Hair, "fabrics": Fabric, "motions": Movement, "things": Thing}
PEOPLE, PARTS = 96, 8
TIME = 1.7
"""When their pose is looked at, seconds."""


def check(seed: int, settings: PeopleSettings, random: np.random.Generator) -> None:
    person = make_person(seed, settings)
    surface = person.surface
    for number, material in enumerate(person.materials):
        faces = surface.faces[person.material_ids == number]
        assert len(faces), material.name
        values = material.texture(surface.canonical[faces[random.integers(len(faces), size=500), 0]])
        assert np.isfinite(values).all(), material.name
    np.testing.assert_allclose(surface.weights.sum(1), 1, atol=1e-4)
    vertices, transforms = posed_vertices(person, TIME), person.transforms(TIME)
    joints = person.regressor @ linear_blend_skinning(person.anchors.rest, person.anchors.weights, transforms)
    assert np.isfinite(vertices).all() and 0.9 < np.ptp(vertices[:, 2]) < 2.6
    assert ((vertices.min(0) < joints) & (joints < vertices.max(0))).all()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_people_of_every_style_are_made(part):
    """Of each fabric 6 people, of all else 7 to 12; of the least, the largest and a usual height."""
    random = np.random.default_rng(0)
    company = {key: random.permutation(np.resize(get_args(styles), PEOPLE)) for key, styles in STYLES.items()}
    for index in range(part, PEOPLE, PARTS):
        height = (1.4, 2.05, 1.7)[index % 3]
        seed = (1 + index, 1000 + index**4)[index % 2]
        chosen = {key: (str(styles[index]),) for key, styles in company.items()}
        check(seed, PeopleSettings(**chosen, height=(height, height)), np.random.default_rng(index))
