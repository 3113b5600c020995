"""The section `rectify`: stereo rectification."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from posegaussian.config.base import CROSS_CHECK, STRICT, Sixteens, Size
from posegaussian.config.matting import MattingSettings

ANY_LABEL = "any"
"""The label that stands for every label but 0."""
_LABEL = rf"^({ANY_LABEL}|#[0-9a-fA-F]{{6}})$"
_HIGHEST = 65535
"""The highest level of a sample of 16 bits."""


def _check_label(label: int | str) -> int | str:
    known = re.match(_LABEL, label) if isinstance(label, str) else 0 <= label <= _HIGHEST
    if not known:
        what = "{label} is not a number from 0 on, #rrggbb or any"
        raise PydanticCustomError(CROSS_CHECK, what, {"label": repr(label)})
    return label


MaskLabel = Annotated[
    int | str,
    AfterValidator(_check_label),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _LABEL}]}),
]
"""The person's label in masks: a level or an index, a colour #rrggbb, or `any`."""


MaskKind = Literal["auto", "given", "background", "median"]
"""Where the masks of the person come from."""


@dataclass(frozen=True, config=STRICT)
class RectifySettings:
    """Stereo rectification."""

    size: tuple[Sixteens, Sixteens] = (256, 256)
    """Width and height of the rectified source images, pixels; multiples of 16."""
    target_size: Size | None = None
    """Width and height of the undistorted images of held-out cameras, pixels; null keeps each capture's own."""
    margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.06
    """Free border around the person, as a share of the image."""
    masks: MaskKind = "auto"
    """`auto`: the capture's own; where there are none, masks of the person that BlazePose finds, improved by images of
    the empty scene or else by frames in which the person stands elsewhere. `given`: the capture's own only.
    `background` and `median` find the person even where there are masks, with images of the empty scene, or with each
    camera's temporal median in their place. Where nobody is found, the pixels that differ from the empty scene are
    taken, if it is known for all cameras."""
    mask_label: MaskLabel | None = None
    """The person's label in given masks: a number, a colour such as `"#800000"`, or `any` for all but 0. `0`: black is
    the person, as in masks of what to ignore, which are inverted. null: detected; an unclear mask is refused."""
    matting: MattingSettings = MattingSettings()
    """The model that finds the person's edges where masks are made."""
    calibration: Literal["auto", "given"] = "auto"
    """`auto`: where features of the sources lie more than 0.25 px from their epipolar lines, poses (and focal lengths)
    are corrected, if that brings kept-back features nearer to theirs, unless the capture is rendered (has true depths);
    `given`: the calibration is used as given."""
    color: Literal["auto", "off"] = "auto"
    """`auto`: match the cameras' colours by a matrix and an offset each in linear light, which are stored in the file,
    unless the capture is rendered (has true depths); `off`: keep the colours."""
