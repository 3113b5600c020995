"""The stage `heatmaps`: 17 joint heatmaps for each view and frame, in the environment of the detector."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from posegaussian.config import STAGE_VERSION, DetectorSettings, as_dict
from posegaussian.errors import ConfigError, warn
from posegaussian.io import store
from posegaussian.io.suffixes import STORE_SUFFIXES, check_suffix
from posegaussian.parallel import in_order
from posegaussian.pose.detectors.base import Detector, LoadedDetector, detect_frame, detect_person, load_detector
from posegaussian.pose.heatmaps import STRIDE
from posegaussian.progress import progress
from posegaussian.registry import DETECTORS


def extract_heatmaps(
    rectified: Path, output: Path, detector: DetectorSettings, people: Path | None = None, device: str = "cpu"
) -> None:
    """Write the heatmaps of every source image of a rectified capture: threads read and detect, the caller's writes.

    Where the mask is empty, maps, scores, key points and box are zeros. Where the detector finds nobody in a mask, maps
    and scores are, and a CaptureWarning names the camera and the frame.

    Args:
        rectified: of store.RECTIFIED.
        output: the .h5 to write, of store.HEATMAPS.
        detector: settings of the detector.
        people: of the stage `people`, made with the same weights: its joints are projected into the rectified images,
            and the detector does not run; None: it runs on the rectified images.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        ConfigError: the output has another suffix; or the detector is of another kind than the stage `people`, or has
            other weights.
        DetectorError: the detector's package, configuration or weights are missing.
        WeightsError: the weights do not fit the configuration.
        StoreError: `rectified` is missing or damaged.
    """
    check_suffix(output, STORE_SUFFIXES)
    with store.open_checked(rectified, store.RECTIFIED) as source:
        loaded = load_detector(detector, _device(detector, device))
        given = {} if people is None else {"people": people}
        detectors = (
            (lambda *_: [loaded.detect] * 2) if people is None else _from_people(people, detector, loaded, source)
        )
        pairs, frames, _, height, width = source["sources/masks"].shape
        dims = {"pair": pairs, "frame": frames, "height": height // STRIDE, "width": width // STRIDE}
        provenance = {
            "stage_version": STAGE_VERSION["heatmaps"],
            "settings": as_dict(detector),
            "inputs": {
                name: store.digest(path) for name, path in {"rectified": rectified, **loaded.files, **given}.items()
            },
        }
        with store.create(output, store.HEATMAPS, dims, **provenance) as writer:
            writer["frames"] = numbers = source["frames"][()]
            writer["pairs"] = cameras = store.strings(source["sources/pairs"])
            places = list(np.ndindex(pairs, frames))

            def detect(place: tuple[int, int]) -> dict[str, np.ndarray]:
                images = source["sources/images"][place] if people is None else None
                return _detected(images, source["sources/masks"][place], detectors(place[0], int(numbers[place[1]])))

            threads = None if DETECTORS[detector.kind].environment == "posegaussian" else 1
            found = in_order(detect, places, threads)
            stream = zip(places, found, strict=True)
            for (pair, frame), detected in progress(stream, f"heatmaps {rectified.stem}", len(places), unit="pairs"):
                for name, values in detected.items():
                    writer[name, pair, frame] = values
                for camera, box, scores in zip(cameras[pair], detected["boxes"], detected["scores"], strict=True):
                    if box.any() and not scores.any():
                        warn(
                            "the detector finds nobody here: no joints",
                            code="nobody-found",
                            file=rectified,
                            camera=camera,
                            frame=int(numbers[frame]),
                            hint="look at the mask, or try another detector",
                        )


def _detected(images: np.ndarray | None, masks: np.ndarray, detectors: list[Detector]) -> dict[str, np.ndarray]:
    """What `detect_frame` returns, with heatmaps in half precision as the store has them.

    Without images the detectors know the joints: they look at none.
    """
    import torch  # NumPy rounds as well, but takes 0.1 us for each value that underflows: a tenth of a second a frame

    if images is None:
        found = detect_person(np.broadcast_to(np.uint8(0), (*masks.shape, 3)), masks, detectors)
    else:
        found = detect_frame(images, masks, detectors)
    return {**found, "heatmaps": torch.from_numpy(found["heatmaps"]).half().numpy()}


def _device(detector: DetectorSettings, name: str) -> str:
    """The device of a detector; the CPU in other environments."""
    if DETECTORS[detector.kind].environment != "posegaussian":
        return "cpu"
    from posegaussian.model.device import pick_device  # not in the environment of MMPose

    return str(pick_device(name))


def _from_people(
    people: Path, settings: DetectorSettings, loaded: LoadedDetector, rectified: store.Reader
) -> Callable[[int, int], list[Detector]]:
    """Detectors of both views of a pair and frame number, which know the joints from the stage `people`."""
    from posegaussian.preparation.projected_joints import ProjectedJoints  # not in the environment of MMPose

    if not DETECTORS[settings.kind].reads_people:
        what = f"a detector of kind {settings.kind} does not read the file of the stage people"
        raise ConfigError(what, code="unused-people", file=people)
    found = ProjectedJoints(people, rectified)
    if found.weights != store.digest(loaded.files["weights"]):
        hint = "give `people` and the detector the same weights"
        raise ConfigError("made with other weights than the detector's", code="other-weights", file=people, hint=hint)
    return found.detectors
