"""Colours of a subject mesh, and the ground truth at pixel centres: one code for captures on disk and the stream."""

from dataclasses import dataclass, replace
from functools import reduce

import torch
from jaxtyping import Bool, Float32, Int32, Int64, UInt8
from torch import Tensor

from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.acceleration import has_triton
from posegaussian.synthetic.renderer.lights import Lights, ShadowMap
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.shading import shade
from posegaussian.synthetic.renderer.zbuffer import rasterize
from posegaussian.types import Camera, Tensors

SAMPLES = 2
"""Samples of colour and coverage per pixel and axis: 2 x 2 supersampling; chosen by hand for its cost."""


@dataclass(frozen=True)
class RenderedColours(Tensors):
    """n images of the person on black."""

    colours: Float32[Tensor, "n 3 h w"]  # RGB, 0 and up, already multiplied by the coverage
    coverage: Float32[Tensor, "n 1 h w"]  # share of each pixel that the person covers
    # which samples show the person; None where nothing may stand before the person
    hit: Bool[Tensor, "n hs ws"] | None = None

    def over(self, background: Float32[Tensor, "3"]) -> Float32[Tensor, "n 3 h w"]:
        """The images with a background of one colour."""
        return self.colours + (1 - self.coverage) * background[:, None, None]


@dataclass(frozen=True)
class GroundTruth(Tensors):
    """Depth and body parts at the pixels' centres."""

    depth: Float32[Tensor, "n h w"]  # along the optical axis, metres; 0 in the background
    parts: UInt8[Tensor, "n h w"]  # index into bake.PARTS; 0 in the background


def render_ground_truth(
    posed: PosedMesh, frame: Int64[Tensor, "n"], camera: Camera, distortion: Float32[Tensor, "n 5"] | None = None
) -> GroundTruth:
    """Depth and body parts in n cameras, one sample at each pixel's centre: an average of depths lies on no surface.

    Args:
        posed: the mesh in t frames.
        frame: the frame that each camera sees.
        camera: n cameras.
        distortion: OpenCV's k1, k2, p1, p2, k3 of each; None for pinholes.
    """
    points = project_vertices(posed.vertices[frame], camera, distortion)
    face, depth = rasterize(points, posed.mesh.faces, camera.width, camera.height)
    parts = posed.mesh.parts[face.clamp_min(0).long()] * (face >= 0)
    return GroundTruth(depth, parts)


def render_colours(
    posed: PosedMesh,
    frame: Int64[Tensor, "n"],
    camera: Camera,
    lights: Lights,
    shadows: ShadowMap,
    distortion: Float32[Tensor, "n 5"] | None = None,
    limit: Float32[Tensor, "n hs ws"] | None = None,
    samples: int = SAMPLES,
) -> RenderedColours:
    """Colours and coverage in n cameras; arguments as for `render_ground_truth`, and the light.

    Args:
        limit: depth of what stands before or behind the person at each sample, metres; None: nothing does.
        samples: per pixel and axis.
    """
    points = project_vertices(posed.vertices[frame], camera, distortion)
    points[..., :2] *= samples
    face, depth = rasterize(points, posed.mesh.faces, samples * camera.width, samples * camera.height)
    if limit is not None:
        face = torch.where(depth <= limit, face, -1)
    scene = points, face, posed, frame, camera.centre, lights, shadows
    if points.is_cuda and has_triton():
        from posegaussian.synthetic.renderer import shading_triton

        rendered = RenderedColours(*shading_triton.shade_samples(*scene, samples))
    else:
        rendered = shade_samples(*scene, samples)
    return rendered if limit is None else replace(rendered, hit=face >= 0)


def shade_samples(
    points: Float32[Tensor, "n v 3"],
    face: Int32[Tensor, "n hs ws"],
    posed: PosedMesh,
    frame: Int64[Tensor, "n"],
    eye: Float32[Tensor, "n 3"],
    lights: Lights,
    shadows: ShadowMap,
    samples: int = SAMPLES,
) -> RenderedColours:
    """Colours and coverage from the triangle at each sample; arguments as for `shading_triton.shade_samples`."""
    count, height, width = face.shape
    hit = face.flatten() >= 0
    place = hit.nonzero()[:, 0]
    number, pixel = place // (width * height), place % (width * height)
    chosen = face.flatten()[place].long()
    corners = points.flatten(0, 1)[number[:, None] * points.shape[1] + posed.mesh.faces[chosen]]
    weights, front = _interpolation(corners, (pixel % width).float() + 0.5, (pixel // width).float() + 0.5)
    colours = shade(posed, lights, shadows, chosen, frame[number], weights, front, eye[number])
    canvas = torch.zeros((len(hit), 3), device=colours.device)
    canvas[place] = colours
    shape = count, height // samples, samples, width // samples, samples, -1
    return RenderedColours(_pooled(canvas.view(shape)), _pooled(hit.float().view(shape)))


def _pooled(samples: Float32[Tensor, "n h s w s c"]) -> Float32[Tensor, "n c h w"]:
    """Means over the samples of each pixel."""
    parts = [samples[:, :, i, :, j] for i in range(samples.shape[2]) for j in range(samples.shape[4])]
    return (reduce(torch.add, parts) / len(parts)).permute(0, 3, 1, 2)


def _interpolation(
    corners: Float32[Tensor, "n 3 3"], x: Float32[Tensor, "n"], y: Float32[Tensor, "n"]
) -> tuple[Float32[Tensor, "n 3"], Bool[Tensor, "n"]]:
    """Perspective-correct weights of a triangle's corners at a place in the image, and whether its front is seen."""
    dx, dy, inverse = corners[..., 0] - x[:, None], corners[..., 1] - y[:, None], corners[..., 2]
    areas = dx.roll(-1, 1) * dy.roll(1, 1) - dx.roll(1, 1) * dy.roll(-1, 1)
    front = areas.sum(1) < 0  # the image's y axis points down
    areas = areas * inverse
    return areas / areas.sum(1, keepdim=True), front
