"""Bags: a backpack and a bag with a strap across the chest. Straps are layers of cloth over the clothes.

Canonical sizes, metres, chosen by eye.
"""

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.clothing.cuts import Field, intersection
from posegaussian.synthetic.clothing.details import Details, stitched_hem
from posegaussian.synthetic.clothing.fabrics import make_fabric
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.outfits import cloth_colour
from posegaussian.synthetic.mesh.material import Material
from posegaussian.synthetic.mesh.textures import Points, on_arm
from posegaussian.synthetic.things.finishes import sewn
from posegaussian.synthetic.things.shapes import at, joined, placed, solid
from posegaussian.synthetic.things.wearer import Wearer

GAP = 0.004
"""Distance between a bag and what is below it, metres."""


def backpack(wearer: Wearer) -> list[Submesh]:
    """A backpack with two straps; its lower half is thicker."""
    rng, scale = wearer.rng, wearer.scale
    half = scale * np.array([rng.uniform(0.11, 0.15), rng.uniform(0.05, 0.085), rng.uniform(0.16, 0.2)])
    middle = wearer.on_body([0, 0, rng.uniform(0.42, 0.46)])[2]
    box = [(-half[0], half[0]), (-0.1, 0.5), (middle - half[2], middle + half[2])]
    back = wearer.furthest([0, 1, 0], box)
    pouch, shift = half * [0.8, 0.55, 0.42], half * [0, 0.75, -0.4]
    points, faces = joined(solid(half, 5.0), _moved(solid(pouch, 4.0), shift))
    fabric = _fabric(wearer)
    material = sewn("backpack", fabric, [0.1 * half[2], 0.6 * half[2]], wearer.seed())
    bag = placed((points, faces), at([0, back + half[1] + GAP, middle]), wearer.bone("spine02"))
    width = rng.uniform(0.018, 0.028)

    def straps(points: Points) -> Float[np.ndarray, "n"]:
        """From the shoulders down the chest, then below the arms to the back."""
        x, y, z = points.T
        down = width - abs(abs(x) - 0.1 - 0.15 * np.clip(0.62 - z, 0, 0.2))
        over = np.where((y < 0.02) | (z > 0.62), np.minimum(down, z - 0.44), -0.1)
        # Below the arms the strap runs back and down.
        low = 0.8 * width - abs(z - 0.445 + 0.45 * np.clip(y + 0.1, 0, 0.4))
        around = np.where((abs(x) > 0.095) & (y < 0.12), low, -0.1)
        return np.where(on_arm(points), -0.1, np.maximum(over, around))

    return [Submesh(bag, material), _strap(wearer, straps, fabric)]


def shoulder_bag(wearer: Wearer) -> list[Submesh]:
    """A bag at one hip, on a strap over the other shoulder."""
    rng, scale = wearer.rng, wearer.scale
    side = float(rng.choice([-1, 1]))
    half = scale * np.array([rng.uniform(0.035, 0.06), rng.uniform(0.11, 0.17), rng.uniform(0.08, 0.13)])
    middle = wearer.on_body([0.0, rng.uniform(0.02, 0.06), 0.1])
    box = [(-0.35, 0.35), (middle[1] - half[1], middle[1] + half[1]), (middle[2] - half[2], middle[2] + half[2])]
    trunk = wearer.clothed.trunk_and_legs
    worn = (wearer.clothed.suit.rest + wearer.clothed.standoff[:, None] * wearer.clothed.normals)[trunk]
    worn = np.concatenate([worn, *(points for points, _ in wearer.clothed.hanging)])
    low, high = np.array(box).T
    inside = ((worn >= low) & (worn <= high)).all(1)
    middle[0] = side * ((side * worn[inside, 0]).max() + half[0] + GAP)
    fabric = _fabric(wearer)
    flap = _moved(solid(half * [0.35, 0.98, 0.5], 6.0), [side * 0.75 * half[0], 0, 0.45 * half[2]])
    bag = placed(joined(solid(half, 6.0), flap), at(middle), wearer.bone("root"))
    wearer.clothed.hanging.append((bag.rest, bag.rest[:, 2] / scale))
    width = rng.uniform(0.014, 0.026)
    # A plane through the other shoulder and the bag's top.
    top, bottom = np.array([-side * 0.09, 0.72]), np.array([side * 0.165, 0.17])
    normal = np.array([top[1] - bottom[1], bottom[0] - top[0]]) / np.linalg.norm(top - bottom)

    def strap(points: Points) -> Float[np.ndarray, "n"]:
        x, _, z = points.T
        across = width - abs((np.stack([x, z], 1) - top) @ normal)
        return np.where(
            on_arm(points), -0.1, np.min([across, z - 0.14, 0.76 - z, 0.12 - abs(x) + 10 * (z < 0.6)], axis=0)
        )

    material = sewn("shoulder_bag", fabric, [0.7 * half[2]], wearer.seed())
    return [Submesh(bag, material), _strap(wearer, strap, fabric)]


def _fabric(wearer: Wearer):
    family = ("twill", "flat", "leather", "denim", "camouflage", "twill")[wearer.rng.integers(6)]
    return make_fabric(family, cloth_colour(wearer.rng), cloth_colour(wearer.rng), wearer.rng)


def _strap(wearer: Wearer, field: Field, fabric) -> Submesh:
    """A flat strap over everything that is worn."""
    body, seed = wearer.clothed, wearer.seed()
    points = body.canonical
    shape = body.add_shell(field(points), body.standoff + 0.004, 2, np.zeros(len(points)))
    texture = Details(stitched_hem(intersection(field), 0.004)).applied_to(fabric.texture(seed))
    return Submesh(shape, Material("strap", texture, fabric.gloss, fabric.roughness))


def _moved(mesh, shift):
    points, faces = mesh
    return points + shift, faces
