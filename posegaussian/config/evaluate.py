"""The section `evaluate`: metrics of novel views."""

from typing import Literal

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT


@dataclass(frozen=True, config=STRICT)
class EvaluateSettings:
    """Metrics."""

    crops: tuple[Literal["full", "bbox", "ghg"], ...] = ("full", "bbox", "ghg")
    """Image crops in which the views are measured."""
    lpips: tuple[Literal["alex", "vgg"], ...] | None = None
    """Networks of LPIPS, in all crops. null: AlexNet in the whole image; on a GPU both in all crops. On two cores an
    image of 1024^2 takes 0.4 s with AlexNet, 9 s with VGG-16."""
    lpips_weights: str | None = "results/lpips"
    """Folder with the weights of LPIPS, which `posegaussian fetch lpips -o FOLDER` makes; where it has none, or with
    null, the column is empty, with a note."""

    def lpips_crops(self, gpu: bool) -> dict[str, tuple[str, ...]]:
        """Crops in which each metric of LPIPS is measured, by its name; nothing for a network that is not used."""
        everywhere = gpu or self.lpips is not None
        networks = self.lpips if self.lpips is not None else ("alex", "vgg") if gpu else ("alex",)
        crops = self.crops if everywhere else ("full",)
        return {"lpips": crops if "alex" in networks else (), "lpips_vgg": crops if "vgg" in networks else ()}
