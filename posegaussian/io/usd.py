"""Gaussians as OpenUSD: ParticleField3DGaussianSplat of `usd-core` 26.11 (extra `formats`).

A frame is one .usdc with a time sample at its number. A sequence is a small .usda that shows the files of its frames as
value clips, so that neither the writer nor a reader holds more than one frame. Metres; the y axis points up: see
`export.axes`.
"""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posegaussian.io.atomic import atomic_file, write_atomic
from posegaussian.io.ply import SH_CONSTANT
from posegaussian.types import Gaussians

_PRIM = "Person"
_CLIPS = """#usda 1.0
(
    defaultPrim = "{prim}"
    startTimeCode = {start}
    endTimeCode = {end}
    timeCodesPerSecond = {fps}
    framesPerSecond = {fps}
    metersPerUnit = 1
    upAxis = "Y"
)

def ParticleField3DGaussianSplat "{prim}" (
    clips = {{
        dictionary default = {{
            double2[] active = [{active}]
            asset[] assetPaths = [{files}]
            asset manifestAssetPath = {manifest}
            string primPath = "/{prim}"
            double2[] times = [{times}]
        }}
    }}
)
{{
    uniform int radiance:sphericalHarmonicsDegree = 0
}}
"""
"""A sequence of value clips; every clip also lists the attributes that all of them have."""


def usd_modules(*names: str) -> Iterator[Any]:
    """Modules of usd-core by name, without types: its extension modules have none that a checker can read.

    Raises:
        ImportError: usd-core is not installed.
    """
    return (import_module(f"pxr.{name}") for name in names)


def write_usd(path: Path, gaussians: Gaussians, time: int = 0) -> None:
    """Write one set of Gaussians atomically as a .usdc with one time sample, at `time`.

    Entries with an opacity below 1/255 are left out.

    Raises:
        ImportError: usd-core is not installed.
    """
    Gf, Usd, UsdGeom, UsdVol, Vt = usd_modules("Gf", "Usd", "UsdGeom", "UsdVol", "Vt")

    visible = gaussians.compact().to("cpu", torch.float32)
    means, scales = visible.means.numpy(), visible.scales.numpy()
    quaternions = torch.nn.functional.normalize(visible.quaternions, dim=-1).numpy()
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetStartTimeCode(time)
    stage.SetEndTimeCode(time)
    splat = UsdVol.ParticleField3DGaussianSplat.Define(stage, f"/{_PRIM}")
    stage.SetDefaultPrim(splat.GetPrim())
    splat.CreatePositionsAttr().Set(Vt.Vec3fArray.FromNumpy(means), time)
    # USD's arrays of quaternions lie in memory as xyzw.
    splat.CreateOrientationsAttr().Set(Vt.QuatfArray.FromNumpy(np.roll(quaternions, -1, axis=1).copy()), time)
    splat.CreateScalesAttr().Set(Vt.Vec3fArray.FromNumpy(scales), time)
    splat.CreateOpacitiesAttr().Set(Vt.FloatArray.FromNumpy(visible.opacities.numpy()), time)
    splat.CreateRadianceSphericalHarmonicsDegreeAttr().Set(0)
    harmonics = (visible.colors.numpy() - 0.5) / SH_CONSTANT
    splat.CreateRadianceSphericalHarmonicsCoefficientsAttr().Set(Vt.Vec3fArray.FromNumpy(harmonics), time)
    reach = 3 * scales.max(initial=0)  # metres: what a Gaussian shows ends there
    low, high = (edge(means, axis=0) for edge in (np.min, np.max)) if len(means) else (np.zeros(3), np.zeros(3))
    extent = [Gf.Vec3f(*(low - reach).tolist()), Gf.Vec3f(*(high + reach).tolist())]
    UsdGeom.Boundable(splat).CreateExtentAttr().Set(extent, time)
    with atomic_file(path) as temporary:
        temporary.unlink()
        binary = temporary.with_suffix(".usdc")
        stage.GetRootLayer().Export(str(binary))
        binary.rename(temporary)


def write_usd_clips(path: Path, frames: Sequence[tuple[int, Path]], fps: int) -> None:
    """Write a .usda atomically that plays the .usdc of frames one after the other.

    Args:
        path: the .usda.
        frames: the number of each frame, which is also its time in the file, and the file, below the .usda's folder.
        fps: frames per second.
    """
    names = [f"@./{file.relative_to(path.parent).as_posix()}@" for _, file in frames]
    active = ", ".join(f"({number}, {index})" for index, (number, _) in enumerate(frames))
    times = ", ".join(f"({number}, {number})" for number, _ in frames)
    text = _CLIPS.format(
        start=frames[0][0],
        end=frames[-1][0],
        fps=fps,
        prim=_PRIM,
        active=active,
        files=", ".join(names),
        manifest=names[0],
        times=times,
    )
    write_atomic(path, text)
