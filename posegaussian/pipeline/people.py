"""The stage `people`: the person in every image of a capture, found once for all stages that need them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from posegaussian.captures.capture import Capture
from posegaussian.captures.offsets import with_offsets
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.config import STAGE_VERSION, FindPeopleSettings, as_dict
from posegaussian.errors import CaptureError
from posegaussian.io import store
from posegaussian.io.download import ensure_file
from posegaussian.io.suffixes import STORE_SUFFIXES, check_suffix
from posegaussian.model.device import pick_device
from posegaussian.pipeline.provenance import capture_digests
from posegaussian.pose.detectors.blazepose.finder import FULL, BlazePose, load_blazepose
from posegaussian.pose.person import MATTE
from posegaussian.preparation.footage import images_ahead
from posegaussian.preparation.people import FramePeople, find_people
from posegaussian.preparation.people_file import PEOPLE, write_views
from posegaussian.preparation.people_watch import PeopleWatch
from posegaussian.progress import progress


def write_people(
    root: Path,
    output: Path,
    settings: FindPeopleSettings,
    frames: FrameRange | None = None,
    number: int = 1,
    device: str = "auto",
    offsets: Mapping[str, int] | None = None,
) -> None:
    """Find the person in every image of a capture, frame by frame, and write them to one file.

    The frames come in their order, since each one is looked at where the person was before; a thread for each camera
    reads ahead. Memory does not grow with the length of the capture.

    Args:
        root: the capture's folder.
        output: the .h5 to write, of `preparation.people_file.PEOPLE`.
        settings: of the stage.
        frames: which frames; default: all.
        number: of the person in the first frame, counted from 1 on from the rig's centre.
        device: auto, cpu, cuda or cuda:N.
        offsets: whole frames that cameras are late.

    Raises:
        CaptureError: an image cannot be read; or, with `missing: stop`, fewer than two cameras see the person in a
            frame; or, with `missing: skip`, in all frames.
        ConfigError: the output has another suffix.
        WeightsError: the weights cannot be used.
        StoreError: the file cannot be written.
    """
    check_suffix(output, STORE_SUFFIXES)
    capture = with_offsets(read_capture(root, frames=frames), offsets or {})
    weights = ensure_file(Path(settings.weights), settings.url, settings.sha256) if settings.weights else FULL
    model = load_blazepose(weights, pick_device(device))
    images = [capture.images[camera][frame].path for camera in capture.cameras for frame in capture.frames]
    dims = {"frame": len(capture.frames), "camera": len(capture.cameras), "matte_height": MATTE, "matte_width": MATTE}
    provenance = {
        "stage_version": STAGE_VERSION["people"],
        "settings": as_dict(settings) | {"person": number},
        "inputs": {"weights": store.digest(weights), **capture_digests(capture, dict.fromkeys(images))},
    }
    with store.create(output, PEOPLE, dims, **provenance) as writer:
        writer["frames"] = capture.frames
        writer["cameras"] = np.array(list(capture.cameras), dtype=object)
        writer["sizes"] = [(camera.width, camera.height) for camera in capture.cameras.values()]
        followed = _followed(capture, model, number, settings)
        shown = progress(followed, f"people {capture.name}", len(capture.frames), unit="frames")
        for index, people in enumerate(shown):
            if people.person is not None:
                writer["positions", index] = people.person.position
                write_views(writer, index, capture.cameras, people.views)
            else:
                writer["positions", index] = np.nan


def _followed(capture: Capture, model: BlazePose, number: int, settings: FindPeopleSettings) -> Iterator[FramePeople]:
    """The people of each frame, with the warnings after the last one."""
    watch, people = PeopleWatch(capture, number), None
    lost: CaptureError | None = None
    ahead = images_ahead(capture, tuple(capture.cameras), capture.frames)
    for frame, images in zip(capture.frames, ahead, strict=True):
        people = find_people(images, capture.cameras, model, people, number)
        if people.person is None:
            lost = watch.missing(people, frame)
            if settings.missing == "stop":
                watch.warn()
                raise lost
            watch.skip(people, frame)
        else:
            watch.check(people, frame)
        yield people
    watch.warn()
    if lost is not None and people is not None and people.position is None:
        raise lost
