"""Built-in people: whole, dressed in layers that keep apart, with joints and textures where they belong."""

import helpers
import numpy as np
import pytest
from ray_casting import posed_vertices
from scipy.spatial import cKDTree

from posegaussian import config
from posegaussian.config import PeopleSettings
from posegaussian.errors import ConfigError
from posegaussian.synthetic.body.body import bone_transforms, linear_blend_skinning, load_body
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.mesh.surface import directed_edges
from posegaussian.synthetic.people.person import make_person

SEEDS = range(1, 7)


@pytest.fixture(scope="module")
def people():
    return {seed: make_person(seed) for seed in SEEDS}


def test_rest_pose_moves_nothing_and_a_turned_root_turns_everything():
    body = load_body()
    still = np.tile(np.eye(3), (len(body.bones), 1, 1))
    np.testing.assert_allclose(
        linear_blend_skinning(body.mean, body.weights, bone_transforms(body.parents, body.mean_heads, still)),
        body.mean,
        atol=1e-12,
    )
    quarter = still.copy()
    quarter[0] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    turned = linear_blend_skinning(body.mean, body.weights, bone_transforms(body.parents, body.mean_heads, quarter))
    np.testing.assert_allclose(turned, (body.mean - body.mean_heads[0]) @ quarter[0].T + body.mean_heads[0], atol=1e-12)
    np.testing.assert_allclose(body.regressor.sum(1), 1, atol=1e-6)


def test_asset_holds_no_skin_of_the_trunk():
    body = load_body()
    middle = body.mean[body.surfaces["skin"]].mean(1)
    low, high = body.mean_heads[body.bones.index("upperleg01.L")][2], body.mean_heads[body.bones.index("spine01")][2]
    trunk = (middle[:, 2] > low - 0.05) & (middle[:, 2] < high) & (abs(middle[:, 0]) < 0.17)
    assert not trunk.any()


@pytest.mark.parametrize("seed", SEEDS)
def test_cloth_covers_trunk_and_hips_from_every_side(people, seed):
    """Rays from outside towards the spine meet cloth, never skin nor nothing."""
    person = people[seed]
    surface = person.surface
    cloth = np.isin(
        person.material_ids, [i for i, material in enumerate(person.materials) if material.name not in ("skin", "eyes")]
    )
    middle = surface.canonical[surface.faces[cloth]].mean(1)
    trunk = abs(middle[:, 0]) < 0.3
    angle = np.arctan2(middle[trunk, 0], -(middle[trunk, 1] + 0.01))
    for height in np.arange(0.1, 0.5, 0.05):
        near = abs(middle[trunk, 2] - height) < 0.04
        sectors = np.unique(np.floor(angle[near] / (np.pi / 12)))
        assert len(sectors) == 24, f"nothing worn around {height:.2f} m"


@pytest.mark.parametrize("seed", SEEDS)
def test_surface_is_a_sane_mesh(people, seed):
    surface = people[seed].surface
    assert 60_000 < len(surface.faces) < 170_000
    assert np.isfinite(surface.rest).all() and np.isfinite(surface.canonical).all()
    np.testing.assert_allclose(surface.weights.sum(1), 1, atol=1e-5)
    assert (surface.weights > 0).sum(1).max() <= 4
    a, b = surface.rest[directed_edges(surface.faces).T]
    assert np.linalg.norm(a - b, axis=1).max() < 0.12
    assert len(people[seed].material_ids) == len(surface.faces)


@pytest.mark.parametrize("seed", SEEDS)
def test_stature_and_joints_are_human(people, seed):
    rest = people[seed].anchors.rest
    joints = people[seed].regressor @ rest
    left, right = joints[1::2], joints[2::2]
    assert (left[:, 0] > 0).all() and np.allclose(left[:, 0], -right[:, 0], atol=0.02), "left is +x at rest"
    assert 1.2 < joints[0, 2] - joints[15:, 2].mean() < 1.75
    assert joints[0, 1] < joints[3, 1], "the nose is in front of the ears"


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_of_cloth_keep_apart_at_rest(people, seed):
    """Along the normals of an inner layer, the next one out keeps its distance (but in clefts, where normals cross)."""
    person = people[seed]
    names = [material.name for material in person.materials]
    inner = next(
        i for i, name in enumerate(names) if name in ("trousers", "shorts", "tshirt", "shirt", "vest", "dress")
    )
    tops = [
        i
        for i, name in enumerate(names)
        if name in ("jacket", "coat", "hoodie", "sweater", "tshirt", "shirt") and i > inner
    ]
    if not tops:
        pytest.skip("one layer")
    surface = person.surface
    below, above = (surface.faces[person.material_ids == i] for i in (inner, tops[-1]))
    normals = vertex_normals(surface.rest, below)
    used = np.unique(below)
    # Pairs of vertices over the same place of the body.
    over = np.unique(above)
    gap, nearest = cKDTree(surface.canonical[over]).query(surface.canonical[used])
    close = gap < 1e-6
    height = ((surface.rest[over[nearest]] - surface.rest[used]) * normals[used]).sum(1)[close]
    assert close.sum() == 0 or np.quantile(height, 0.02) > 0.0015


@pytest.mark.parametrize("seed", SEEDS)
def test_textures_are_colours_with_a_fine_relief(people, seed):
    person = people[seed]
    surface = person.surface
    rng = np.random.default_rng(0)
    for index, material in enumerate(person.materials):
        faces = surface.faces[person.material_ids == index]
        values = material.texture(surface.canonical[faces[rng.integers(len(faces), size=500)]].mean(1))
        assert values.shape == (500, 4) and np.isfinite(values).all()
        assert values[:, :3].min() >= 0 and values[:, :3].max() <= 1
        assert abs(values[:, 3]).max() < 0.006
        assert 0 <= material.gloss <= 1 and 0 < material.roughness <= 1


def test_same_seed_same_person_and_other_seeds_others(people):
    again = make_person(3)
    np.testing.assert_array_equal(posed_vertices(again, 0.2), posed_vertices(people[3], 0.2))
    for first, second in zip(again.materials, people[3].materials, strict=True):
        places = again.surface.canonical[::50]
        np.testing.assert_array_equal(first.texture(places), second.texture(places))
    shapes = [people[seed].anchors.rest for seed in SEEDS]
    for i in range(len(SEEDS)):
        for j in range(i):
            assert np.linalg.norm(shapes[i] - shapes[j], axis=1).max() > 0.005


def test_height_follows_the_settings():
    tall = make_person(7, PeopleSettings(height=(1.95, 2.0), hair=("bald",), motions=("still",)))
    bare = tall.surface.rest[tall.surface.faces[tall.material_ids == len(tall.materials) - 2]].reshape(-1, 3)
    soles = tall.soles.rest[:, 2].min()
    assert 1.9 < bare[:, 2].max() - soles < 2.06


@pytest.mark.parametrize("kind", ["garments", "hair", "fabrics", "motions"])
def test_unknown_kinds_are_one_clear_line(kind):
    with helpers.refuses(ConfigError, "invalid-settings") as error:
        config.parse(PeopleSettings, {kind: ["spacesuit"]})
    assert kind in error.value.what and "spacesuit" in error.value.what


def test_impossible_heights_are_one_clear_line():
    for height in ([1.9, 1.5], [0.5, 1.8], [1.6, 3.0]):
        with helpers.refuses(ConfigError, "invalid-settings") as error:
            config.parse(PeopleSettings, {"height": height})
        assert "height" in error.value.what


@pytest.mark.slow
def test_a_hundred_people_build():
    for seed in range(1000, 1100):
        person = make_person(seed)
        vertices = posed_vertices(person, 0.7)
        assert np.isfinite(vertices).all() and vertices[:, 2].min() > -0.01
        assert abs(vertices[:, :2]).max() < 1.4
