"""The kinds of entries of the registry, and how their paths are resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal


def resolve(path: str) -> Any:
    """The attribute, or without one the module, that `package.module:attribute` names.

    Raises:
        ImportError: there is no such module, or it needs a package that is not installed.
        AttributeError: the module has no such attribute.
    """
    module, _, attribute = path.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


@dataclass(frozen=True)
class Entry:
    """What every kind of entry has.

    Args:
        path: where it is, `package.module:attribute`.
        about: one line for help and documentation.
    """

    path: str
    about: str


@dataclass(frozen=True)
class Metric(Entry):
    """A metric; what `path` names depends on what the metric is measured on.

    `image`: a function (image, truth) of two RGB images (3, h, w) in [0, 1] that returns a number, or a map (h, w)
    whose mean is the value. `disparity`: a function (disparity, truth, width) of the values where the truth is known,
    in pixels of an image of that width. `frames`: a class like `evaluation.temporal.TemporalMetric`.

    Args:
        title: its name in the report.
        on: an image crop, the disparities of a pair, or all frames of a held-out camera.
        decimals: digits after the point in tables.
        higher_is_better: the direction.
        unit: empty for a pure number.
        percent: tables show the value times 100 and a percent sign.
        heading: above its column in the tables of results; empty: the title with its unit.
        chart: title of its charts; empty: it has none.
        how: its parameters, for the note below the report's table.
        crops: image crops that the tables of results show.
        smallest: pixels of the shorter side below which it is not defined.
        black: where `path` makes a map, its value where both images are black; no pixel of the map may depend on what
            is `evaluation.comparison.REACH` pixels away, or farther.
        weights: setting of the stage `evaluate` that names the folder of its weights. `path` is then a function of that
            folder that returns the metric; it raises FileNotFoundError where the folder lacks a file.
        corrected: the image is first fitted to the truth by one affine map of its colours.
        still: measured only where the truth shows that nothing moves.
        skewed: tables of results also show the median, since a few captures can dominate the mean.
    """

    title: str
    on: Literal["image", "disparity", "frames"]
    decimals: int
    higher_is_better: bool = False
    unit: str = ""
    percent: bool = False
    heading: str = ""
    chart: str = ""
    how: str = ""
    crops: tuple[str, ...] = ("full", "bbox")
    smallest: int = 1
    black: float | None = None
    weights: str = ""
    corrected: bool = False
    still: bool = False
    skewed: bool = False

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↑" if self.higher_is_better else "↓"

    @property
    def column(self) -> str:
        """What stands above its column in the tables of results."""
        return self.heading or (f"{self.title}, {self.unit}" if self.unit else self.title)


@dataclass(frozen=True)
class Loss(Entry):
    """A term of the training loss: a function of `training.losses.base.LossInputs` that returns a scalar.

    Args:
        weight: its weight where the setting `train.losses` does not name it.
        phases: of training, in which it applies.
        fixed: its weight in phases where the setting does not count.
        chart: title of its chart; empty: it has none.
        within: the loss to which it is added, where it has no column of its own; it is left out where its weight is 0.
    """

    weight: float
    phases: tuple[Literal["depth", "full"], ...] = ("depth", "full")
    fixed: Mapping[str, float] = field(default_factory=dict)
    chart: str = ""
    within: str = ""


@dataclass(frozen=True)
class Detector(Entry):
    """A kind of 2D pose detector.

    `path` names a function of the detector's settings and of the name of a device (cpu, cuda or cuda:N) that returns a
    `pose.detectors.base.LoadedDetector`.

    Args:
        assets: folder in posegaussian/assets of the files that settings name as `package:NAME`.
        weights: those of settings that name none; empty: settings have to name some.
        configured: whether settings have to name a configuration.
        environment: where the stage `heatmaps` runs: with the other stages, or in MMPose's own environment, which has
            nothing but NumPy and what MMPose needs.
        reads_people: whether the stage `people` finds the same joints, so that `heatmaps` can read its file.
    """

    assets: str = "detector"
    weights: str = ""
    configured: bool = False
    environment: Literal["posegaussian", "mmpose"] = "posegaussian"
    reads_people: bool = False


@dataclass(frozen=True)
class ExportFormat(Entry):
    """A kind of file to export; `path` names its writer.

    Args:
        of: what one file is made of. `splats`: (path, gaussians) of a .ply. `sequence`: (folder, sequence), where the
            folder is new and the sequence an `export.sequence.SplatSequence`. `view`: (path, rendering) along the path
            of cameras. `video`: (path, images, fps) of all views as arrays of pixels.
        suffix: of its files.
        up: the axis that points up in files of Gaussians, by the format's specification or the custom of its readers.
        images: the format of PNG files that a video is made of; they are written as well.
        package: what has to be installed, as it is imported.
        rectified: whether a sequence is made with the cameras of the rectified file.
    """

    of: Literal["splats", "sequence", "view", "video", "cameras"]
    suffix: str = ""
    up: Literal["y", "-y"] = "y"
    images: str = "images"
    package: str = "torch"
    rectified: bool = False


@dataclass(frozen=True)
class Rasterizer(Entry):
    """A rasteriser; `path` names a module like `splatting.backends.Backend`.

    Args:
        package: what has to be installed, as it is imported.
        page: where its installation is explained.
        automatic: whether `auto` may choose it: the first one that is installed and takes the arguments.
    """

    package: str = "torch"
    page: str = "https://pytorch.org/get-started/locally"
    automatic: bool = True
