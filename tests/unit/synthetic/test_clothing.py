"""Fabrics, garments and hair: every kind can be named and made."""

from typing import get_args

import numpy as np
import pytest

from posegaussian.config import people
from posegaussian.config.people import PeopleSettings
from posegaussian.synthetic.body.body import load_body, subdivided_body
from posegaussian.synthetic.clothing.cloth import PATTERN_TEXEL, WEAVE_TEXEL
from posegaussian.synthetic.clothing.drape import ClothedBody
from posegaussian.synthetic.clothing.fabrics import FAMILIES, make_fabric
from posegaussian.synthetic.clothing.hair import STYLES, make_hair
from posegaussian.synthetic.clothing.hairstyles import LOWEST_HEM, with_curtain
from posegaussian.synthetic.clothing.head import Head
from posegaussian.synthetic.clothing.outfit_builder import OutfitBuilder
from posegaussian.synthetic.clothing.outfits import FABRICS_BY_GARMENT, choose_kinds
from posegaussian.synthetic.mesh.textures import sample_swatch, unroll


def surface(name):
    body = load_body()
    return subdivided_body(name).shaped(body.mean[np.unique(body.surfaces[name])])


@pytest.fixture(scope="module")
def skin():
    return surface("skin")


def clothed():
    return ClothedBody.unclothed(surface("suit"), 1.0)


def test_every_name_of_the_settings_is_made():
    assert set(get_args(people.Fabric)) == set(FAMILIES) and set().union(*FABRICS_BY_GARMENT.values()) <= set(FAMILIES)
    assert set(get_args(people.Hair)) == set(STYLES)
    assert set(get_args(people.Garment)) == set(FABRICS_BY_GARMENT)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_fabrics_repeat_and_carry_relief(family):
    fabric = make_fabric(family, np.array([0.2, 0.4, 0.6]), np.array([0.9, 0.8, 0.2]), np.random.default_rng(1))
    assert fabric.name == family
    height, width = np.array(fabric.pattern.shape[:2]) * PATTERN_TEXEL
    places = np.random.default_rng(2).uniform(-1, 1, (200, 2))
    np.testing.assert_allclose(
        sample_swatch(fabric.pattern, places, PATTERN_TEXEL),
        sample_swatch(fabric.pattern, places + np.array([3 * width, -height]), PATTERN_TEXEL),
        atol=1e-4,
    )
    relief = sample_swatch(fabric.weave, np.random.default_rng(3).uniform(0, 0.1, (2000, 2)), WEAVE_TEXEL)[:, 1]
    assert 1e-6 < relief.std() < 1e-3
    texture = fabric.texture(5)
    values = texture(np.random.default_rng(4).uniform(-0.15, 0.15, (300, 3)) + np.array([0, 0, 0.3]))
    assert values.shape == (300, 4) and values[:, :3].min() >= 0 and values[:, :3].max() <= 1


@pytest.mark.parametrize("family", ["print", "plaid", "floral", "lettering", "checks"])
def test_patterns_have_detail(family):
    fabric = make_fabric(family, np.array([0.1, 0.1, 0.4]), np.array([0.9, 0.8, 0.2]), np.random.default_rng(1))
    assert fabric.pattern.std(axis=(0, 1)).max() > 0.05


def test_cloth_is_unrolled_without_stretching_it_along_the_limb():
    heights = np.linspace(0.2, 0.5, 50)
    flat = unroll(np.stack([0 * heights, 0 * heights - 0.12, heights], axis=1), False)
    np.testing.assert_allclose(flat[:, 1], heights)
    np.testing.assert_allclose(flat[:, 0], 0, atol=1e-9)
    mirrored = unroll(np.array([[0.3, 0.0, 0.5], [-0.3, 0.0, 0.5]]), False)
    assert mirrored[0, 1] == mirrored[1, 1] and mirrored[0, 0] == -mirrored[1, 0]


@pytest.mark.parametrize("garment", sorted(FABRICS_BY_GARMENT))
def test_garments_are_worn_when_named_and_stand_off_the_body(garment):
    settings = PeopleSettings(garments=(garment,))
    dressed = clothed()
    submeshes = OutfitBuilder(dressed, settings, False, np.random.default_rng(3)).build()
    assert garment in [submesh.material.name for submesh in submeshes]
    for submesh in submeshes:
        assert np.isfinite(submesh.surface.rest).all() and len(submesh.surface.faces) > 50
    worn = dressed.standoff[dressed.standoff > 0]
    assert np.quantile(worn, 0.02) >= 0.0025 and worn.max() < 0.2


@pytest.mark.parametrize("style", sorted(STYLES))
def test_hair_sits_on_the_scalp(skin, style):
    for male, seed in ((False, 1), (True, 2)):
        settings = PeopleSettings(hair=(style,))
        submeshes = make_hair(clothed(), skin, np.array([0.3, 0.2, 0.1]), male, settings, np.random.default_rng(seed))
        assert bool(submeshes) == (style != "bald")
        if submeshes:
            points = np.concatenate([submesh.surface.rest for submesh in submeshes])
            top = skin.rest[:, 2].max()
            assert -0.001 < points[:, 2].max() - top < 0.1, "no bare crown, nothing in the air"
            assert abs(points[:, 0]).max() < 0.2
            assert {submesh.material.name for submesh in submeshes} == {"hair"}


def test_the_longest_hair_hangs_down_to_its_hem_outside_of_the_back(skin):
    body = clothed()
    head = Head(body, skin, np.array([0.3, 0.2, 0.1]), 5, np.random.default_rng(5))
    points = with_curtain(head, LOWEST_HEM, 0.015)[1].surface.rest
    lowest = head.scale * (LOWEST_HEM + head.offset[2])
    assert abs(points[:, 2].min() - lowest) < 0.02
    height = points[:, 2].min() + 0.01
    ends, back = (
        rest[(abs(rest[:, 2] - height) < 0.02) & (abs(rest[:, 0]) < 0.03)] for rest in (points, body.suit.rest)
    )
    assert len(back) and ends[:, 1].max() > back[:, 1].max(), "y points backwards"


def test_settings_choose_the_kinds_of_garments():
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert choose_kinds(PeopleSettings(garments=("dress",)), False, rng).top == "dress"
        kinds = choose_kinds(PeopleSettings(garments=("tshirt", "shorts")), True, rng)
        assert (kinds.top, kinds.legs, kinds.outer) == ("tshirt", "shorts", None)
        assert choose_kinds(PeopleSettings(garments=("coat",)), True, rng).outer == "coat"
    drawn = [choose_kinds(PeopleSettings(), bool(i % 2), rng) for i in range(800)]
    seen = {kind for kinds in drawn for kind in (kinds.top, kinds.legs, kinds.outer)}
    assert seen - {None} == set(FABRICS_BY_GARMENT)
