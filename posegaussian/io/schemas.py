"""The layouts of the HDF5 files between the stages, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One data set: its dtype ("str" for text), and its dimensions as names or numbers separated by spaces.

    `packed` is the share of its bytes that remains after compression, measured on two of the demo's people and on
    Pose2Sim's footage at 512 px, and for rectified images on a person in a room at 1024 px: most of them is black.
    """

    dtype: str
    dims: str
    optional: bool = False
    packed: float = 1.0


@dataclass(frozen=True)
class Schema:
    """The layout of one kind of file, which a stage writes.

    Increase `version` when a reader of the old layout would read wrong values.
    """

    name: str
    version: int
    fields: Mapping[str, Field]
    stage: str = "its stage"


RECTIFIED = Schema(
    "rectified",
    2,
    {
        "frames": Field("i8", "frame"),
        "sources/pairs": Field("str", "pair 2"),
        "sources/images": Field("u1", "pair frame 2 height width 3", packed=0.19),
        "sources/masks": Field("u1", "pair frame 2 height width", packed=0.035),
        "sources/intrinsics": Field("f8", "pair 2 3 3"),
        "sources/world_to_camera": Field("f8", "pair 2 4 4"),
        "sources/original/intrinsics": Field("f8", "pair 2 3 3"),
        "sources/original/distortion": Field("f8", "pair 2 coefficients"),
        "sources/original/world_to_camera": Field("f8", "pair 2 4 4"),
        "sources/original/size": Field("i8", "pair 2 2"),
        "sources/original/color": Field("f8", "pair 2 3 4"),
        "sources/mask_origins": Field("str", "pair 2"),
        "sources/confidence": Field("f4", "pair frame 2", optional=True),
        "sources/disparity": Field("f4", "pair frame 2 height width", optional=True, packed=0.13),
        "sources/valid": Field("u1", "pair frame 2 height width", optional=True, packed=0.025),
        "targets/cameras": Field("str", "target"),
        "targets/pair": Field("i8", "target"),
        "targets/images": Field("u1", "target frame target_height target_width 3", packed=0.155),
        "targets/masks": Field("u1", "target frame target_height target_width", packed=0.025),
        "targets/intrinsics": Field("f8", "target 3 3"),
        "targets/world_to_camera": Field("f8", "target 4 4"),
        "targets/color": Field("f8", "target 3 4"),
        "targets/mask_origins": Field("str", "target"),
        "targets/confidence": Field("f4", "target frame", optional=True),
        "targets/depth": Field("f4", "target frame target_height target_width", optional=True, packed=0.11),
        "joints": Field("f8", "frame 17 3", optional=True),
        "calibration/cameras": Field("str", "camera", optional=True),
        "calibration/intrinsics": Field("f8", "camera 3 3", optional=True),
        "calibration/world_to_camera": Field("f8", "camera 4 4", optional=True),
        "calibration/residuals": Field("f8", "camera 2", optional=True),
    },
    "rectify",
)
"""`targets` are held-out cameras; `targets/pair` is the index of the pair that a camera lies between; `size` is (width,
height); a depth of 0 or a `valid` of 0 means unknown; masks are coverage, 0..255; `joints` are true COCO-17 joints in
the world, metres. Images are as filmed in a band around the mask and black beyond it (`geometry.compositing`); `color`
has been applied to them: a matrix (RGB, in linear light) and an offset. `mask_origins` are "given" or "found", and
`confidence` is that of a mask that was found, in [0, 1], NaN where it is not known. `calibration` is there where the
calibration was corrected: cameras as given, and the median residuals before and after, pixels; the cameras of the other
groups are the corrected ones."""

HEATMAPS = Schema(
    "heatmaps",
    1,
    {
        "frames": Field("i8", "frame"),
        "pairs": Field("str", "pair 2"),
        "heatmaps": Field("f2", "pair frame 2 17 height width", packed=0.54),
        "keypoints": Field("f4", "pair frame 2 17 2"),
        "scores": Field("f4", "pair frame 2 17"),
        "boxes": Field("f4", "pair frame 2 4"),
    },
    "heatmaps",
)
"""Cell (i, j) of a map covers pixels 4i..4i+3 of the rectified image; key points (x, y) and boxes (x0, y0, x1, y1) are
in rectified pixels, centres at +0.5."""

RENDERS = Schema(
    "renders",
    1,
    {
        "frames": Field("i8", "frame"),
        "sources/pairs": Field("str", "pair 2"),
        "sources/disparity": Field("f4", "pair frame 2 height width", packed=0.68),
        "targets/cameras": Field("str", "target"),
        "targets/images": Field("u1", "target frame target_height target_width 3", packed=0.14),
        "targets/alphas": Field("u1", "target frame target_height target_width", packed=0.14),
        "targets/depth": Field("f4", "target frame target_height target_width", packed=0.11),
        "path/pair": Field("i8", "step"),
        "path/frames": Field("i8", "step"),
        "path/ratios": Field("f8", "step"),
        "path/images": Field("u1", "step path_height path_width 3", packed=0.13),
    },
    "render",
)
"""`path` is the camera path between the cameras of pairs: pair, frame, and ratio from the left camera (0) to the right
one (1)."""
