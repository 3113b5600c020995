"""Colours of a room at the samples of an image: texture times baked light."""

import torch
from jaxtyping import Bool, Float32, Int32, Int64
from torch import Tensor

from posegaussian.synthetic.renderer.lights import decoded
from posegaussian.synthetic.renderer.render import SAMPLES
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.lookup import far_away, pyramid
from posegaussian.synthetic.rooms.room import Room

CHUNK = 1 << 17
"""Samples shaded at once on the CPU; chosen by hand, so that arrays stay in its cache."""
LEAST_SLANT = 0.04
"""Cosines of the angle between a ray and a normal below this count as this, so that footprints stay finite; by hand."""


def shade_images(
    lit: LitRoom,
    face: Int32[Tensor, "n hs ws"],
    depth: Float32[Tensor, "n hs ws"],
    rays: Float32[Tensor, "n hs ws 3"],
    eye: Float32[Tensor, "n 3"],
    spacing: Float32[Tensor, "n"],
) -> tuple[Float32[Tensor, "n hs ws 3"], Float32[Tensor, "n hs ws 3"]]:
    """RGB of all light but the first lamp's, and RGB of the first lamp's, at each sample of n images.

    Where all samples of a pixel lie on one panel, they get the colour of its centre, filtered over the pixel. The CPU
    computes it once; CUDA for each sample, since the number of such pixels is only known on the device.

    Args:
        lit: the room.
        face: triangle at each sample, -1 where there is none.
        depth: at each sample, metres.
        rays: direction of each sample, of unit depth.
        eye: centre of each camera.
        spacing: distance of neighbouring samples at unit depth.
    """
    panel = torch.where(face >= 0, lit.mesh.panel[face.clamp_min(0).long()], -1)
    even, *others = (panel[:, i::SAMPLES, j::SAMPLES] for i in range(SAMPLES) for j in range(SAMPLES))
    same = (even == others[0]) & (even == others[1]) & (even == others[2])
    nearness = torch.where(depth > 0, 1 / depth, 0)
    middle = 1 / _mean(nearness[..., None])[..., 0].clamp_min(1e-9), _mean(rays)
    wide, eye = spacing[:, None, None].expand(panel.shape), eye[:, None, None].expand(rays.shape)
    whole = _spread(same)
    if face.is_cuda:
        depth = torch.where(whole, _spread(middle[0]), depth).flatten()
        rays = torch.where(whole[..., None], _spread(middle[1]), rays).flatten(0, 2)
        width = torch.where(whole, SAMPLES * wide, wide).flatten()
        rest, key = _shade(lit, panel.flatten(), depth, rays, eye.flatten(0, 2), width)
        return rest.view(*face.shape, 3), key.view(*face.shape, 3)
    first = slice(None), slice(None, None, SAMPLES), slice(None, None, SAMPLES)
    parts = [
        _in_chunks(lit, even[same], middle[0][same], middle[1][same], eye[first][same], SAMPLES * wide[first][same]),
        _in_chunks(lit, panel[~whole], depth[~whole], rays[~whole], eye[~whole], wide[~whole]),
    ]
    found = []
    for pixels, samples in zip(*parts, strict=True):
        image = rays.new_zeros((*same.shape, 3))
        image[same] = pixels
        image = _spread(image)
        image[~whole] = samples
        found.append(image)
    return found[0], found[1]


def _mean(samples: Float32[Tensor, "n hs ws c"]) -> Float32[Tensor, "n h w c"]:
    """Means over the samples of each pixel."""
    parts = [samples[:, i::SAMPLES, j::SAMPLES] for i in range(SAMPLES) for j in range(SAMPLES)]
    return (parts[0] + parts[1] + parts[2] + parts[3]) / len(parts)


def _spread(pixels: Tensor) -> Tensor:
    """Each pixel's value for all of its samples."""
    return pixels.repeat_interleave(SAMPLES, 1).repeat_interleave(SAMPLES, 2)


def _in_chunks(lit: LitRoom, *values: Tensor) -> tuple[Float32[Tensor, "n 3"], Float32[Tensor, "n 3"]]:
    """`_shade` in parts whose arrays stay in the processor's cache."""
    count = len(values[0])
    parts = [_shade(lit, *(each[i : i + CHUNK] for each in values)) for i in range(0, max(count, 1), CHUNK)]
    return torch.cat([rest for rest, _ in parts]), torch.cat([key for _, key in parts])


def _shade(
    lit: LitRoom,
    panel: Int64[Tensor, "n"],
    depth: Float32[Tensor, "n"],
    rays: Float32[Tensor, "n 3"],
    eye: Float32[Tensor, "n 3"],
    spacing: Float32[Tensor, "n"],
) -> tuple[Float32[Tensor, "n 3"], Float32[Tensor, "n 3"]]:
    """Colours of single places; arguments as for `shade_images`, with the panel and the camera at each of them."""
    room, hit = lit.room, panel >= 0
    row = lit.room.rows[panel.clamp_min(0)]
    relative = eye + rays * depth[:, None] - row[:, 0:3]
    s, t = (_dot(row[:, i : i + 3], relative).clamp(0, 1) for i in (3, 6))
    material = row[:, 19].long()
    colours, surface = room.colours[material], room.surface[material]
    period = surface[:, 1]
    u, v = (row[:, 14] + s * row[:, 12]) / period, (row[:, 15] + t * row[:, 13]) / period
    slant = (_dot(row[:, 9:12], rays).abs() / _dot(rays, rays).sqrt()).clamp_min(LEAST_SLANT)
    footprint = depth * spacing / (slant.sqrt() * slant.sqrt().sqrt() * period)
    texel = pyramid(panel.device, room.surface).sample(surface[:, 0].long(), u, v, footprint)
    colour = colours[:, 0] + texel[:, 1:2] * (colours[:, 1] - colours[:, 0])
    colour = (colour + texel[:, 2:3] * (colours[:, 2] - colour)) * texel[:, :1]
    colour = decoded(colour, room.fixtures.decoding)
    received = _light(lit.light, row, s, t)
    rest = colour * (received[:, :3] + surface[:, 2:3])
    key = colour * (received[:, 3:] * room.fixtures.strengths[0])
    if room.open:
        rest = _with_far(room, rest, hit, rays)
    return rest * (hit | room.open)[:, None], key * hit[:, None]


def _with_far(
    room: Room, colours: Float32[Tensor, "n 3"], hit: Bool[Tensor, "n"], rays: Float32[Tensor, "n 3"]
) -> Float32[Tensor, "n 3"]:
    """The colours with the panorama where nothing is hit; on CUDA it is looked up everywhere, so nothing waits."""
    if not hit.is_cuda:
        missed = (~hit).nonzero()[:, 0]
        far = far_away(room.panorama_number, rays[missed], room.panorama[0])
        return colours.index_copy(0, missed, decoded(far, room.fixtures.decoding) * room.panorama[1])
    far = decoded(far_away(room.panorama_number, rays, room.panorama[0]), room.fixtures.decoding) * room.panorama[1]
    return torch.where(hit[:, None], colours, far)


def _light(
    light: Float32[Tensor, "v 4"], row: Float32[Tensor, "n 20"], s: Float32[Tensor, "n"], t: Float32[Tensor, "n"]
) -> Float32[Tensor, "n 4"]:
    """Baked light between the corners of a panel's cell."""
    rows, columns = row[:, 16], row[:, 17]
    x, y = s * (rows - 1), t * (columns - 1)
    i, j = torch.minimum(x.floor(), rows - 2), torch.minimum(y.floor(), columns - 2)
    fx, fy = (x - i)[:, None], (y - j)[:, None]
    wide = columns.long()
    first = row[:, 18].long() + i.long() * wide + j.long()
    low = light[first] * (1 - fy) + light[first + 1] * fy
    high = light[first + wide] * (1 - fy) + light[first + wide + 1] * fy
    return low * (1 - fx) + high * fx


def _dot(a: Float32[Tensor, "n 3"], b: Float32[Tensor, "n 3"]) -> Float32[Tensor, "n"]:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]
