"""The command `assess`: every camera of a rig that lies between two others is held out in turn, and measured."""

from collections.abc import Iterable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import Names, neighbouring_pairs, person_centre
from posegaussian.captures.sequences import FrameRange
from posegaussian.captures.timing import timing_problems
from posegaussian.captures.triples import Triple, find_triples, narrowest
from posegaussian.config import AssessSettings
from posegaussian.errors import CaptureError, UserError, UserMessage, collected_warnings
from posegaussian.evaluation.assessment import MeasuredTriple
from posegaussian.evaluation.checks import PairChecks, pair_checks
from posegaussian.evaluation.rows import Row, write_rows
from posegaussian.geometry.rig import pair_angle
from posegaussian.io import store
from posegaussian.io.atomic import write_atomic
from posegaussian.io.suffixes import check_suffix
from posegaussian.pipeline.matched_colors import print_pair_colors
from posegaussian.pipeline.pair_files import (
    PairFiles,
    means,
    measure_pair,
    read_with_masks,
    render_pair,
    spread,
    write_pair_files,
)
from posegaussian.preparation.people_file import PeopleFile
from posegaussian.progress import progress
from posegaussian.report.assessment import Assessment, assessment_page
from posegaussian.report.views import CaptureFiles, PanelRow, comparison_row, middle_row

MODEL = "model"
"""Name of the model in tables of metrics, and of the folder of its renders."""
_VIEWS = 8
"""Pairs whose views the page shows. Chosen by hand, for the page's size."""


@dataclass(frozen=True)
class _Made:
    """What was made of a pair; no files where it could not be rectified."""

    files: PairFiles | None = None
    checks: PairChecks | None = None
    rows: Sequence[Row] = ()
    view: PanelRow | None = None
    problem: str = ""


def assess(
    root: Path,
    output: Path,
    settings: AssessSettings,
    weights: Path,
    frames: FrameRange | None = None,
    people: Path | None = None,
    device: str = "auto",
) -> Assessment:
    """Write the page about a rig, and beside it the metrics of all triples as .csv; return what the page shows.

    The arguments are those of the command `assess`.

    Raises:
        CaptureError: the capture cannot be read, or has fewer than two cameras.
        ConfigError: the output is no .html.
        UserError: no pair can be rectified: the error of the first one.
        StoreError: `people` cannot be read, or is of another capture.
    """
    check_suffix(output, [".html"])
    with (
        collected_warnings() as caught,
        nullcontext() if people is None else PeopleFile(people) as file,
        TemporaryDirectory(dir=_made_folder(output)) as folder,
    ):
        capture, numbers = read_with_masks(root, frames, settings.rectify, file)
        chosen = spread(numbers, settings.frames)
        person = person_centre(capture, list(capture.cameras), chosen[0])
        triples = find_triples(capture.cameras, person, settings.widest)
        pairs = _pairs(capture, chosen[0])
        unmeasured = [pair for pair in pairs if not any(set(each.pair) == set(pair) for each in triples)]
        candidates = [each.name for each in narrowest(triples)] or [_pair_name(pair) for pair in pairs]
        shown = set(spread(candidates, _VIEWS))
        make = _Maker(Path(folder), capture, chosen, settings, weights, device)
        made = {
            name: make(name, pair, camera, name in shown)
            for name, pair, camera in progress(_jobs(triples, unmeasured), "assess pair", unit="pairs")
        }
        print_pair_colors({each.checks.names: each.checks.color for each in made.values() if each.checks})
        if all(each.files is None for each in made.values()):
            raise CaptureError(next(iter(made.values())).problem, code="no-pair-assessed", file=root)
        found = Assessment(
            capture=capture,
            person=person,
            frames=chosen,
            triples=[_measured(each, made[each.name]) for each in triples],
            checks={pair: made[_pair_name(pair)].checks for pair in unmeasured},
            pairs=[(pair, _angle(capture, pair, person)) for pair in pairs],
            views=[view for each in made.values() if (view := each.view)],
            timing=timing_problems(capture, chosen[0]),
            warnings=_sentences(each.message for each in caught),
            method=MODEL,
        )
        rows = [replace(row, capture=capture.name) for each in made.values() for row in each.rows]
    write_rows(output.with_suffix(".csv"), rows)
    write_atomic(output, assessment_page(found))
    return found


def _made_folder(output: Path) -> Path:
    output.parent.mkdir(parents=True, exist_ok=True)
    return output.parent


def _pairs(capture: Capture, frame: int) -> list[Names]:
    """The pairs of neighbouring cameras, whatever their roles."""
    return neighbouring_pairs(replace(capture, sources=tuple(capture.cameras), held_out=(), pairs=()), frame)


def _jobs(triples: Sequence[Triple], pairs: Sequence[Names]) -> list[tuple[str, Names, str | None]]:
    """Names, sources and held-out camera of everything that is made."""
    measured: list[tuple[str, Names, str | None]] = [(each.name, each.pair, each.camera) for each in triples]
    return measured + [(_pair_name(pair), pair, None) for pair in pairs]


def _pair_name(pair: Names) -> str:
    return "-".join(pair)


@dataclass(frozen=True)
class _Maker:
    """Makes what the page needs of a pair, with what all pairs share; see `assess`."""

    folder: Path
    capture: Capture
    frames: Sequence[int]
    settings: AssessSettings
    weights: Path
    device: str

    def __call__(self, name: str, pair: Names, camera: str | None, shown: bool) -> _Made:
        """Everything about one pair and the camera between it, or the reason why it cannot be rectified."""
        folder, chosen = self.folder, self.settings
        try:
            files = write_pair_files(
                folder, name, self.capture, pair, camera, self.frames, chosen.rectify, chosen.detector
            )
        except UserError as error:
            return _Made(problem=str(error))
        with (
            store.open_checked(files.rectified, store.RECTIFIED) as rectified,
            store.open_checked(files.heatmaps, store.HEATMAPS) as heatmaps,
        ):
            checks = pair_checks(rectified, heatmaps, 0)
        if camera is None and not shown:
            return _Made(files, checks)
        renders = folder / MODEL / f"{name}.h5"
        render_pair(files, self.weights, renders, self.device)
        rows = measure_pair(files, renders, folder / f"{name}.csv", chosen.evaluate) if camera else []
        return _Made(files, checks, rows, _view(files, renders) if shown else None)


def _view(files: PairFiles, renders: Path) -> PanelRow:
    """The view of the held-out camera beside the truth, or without one the view half way between the sources."""
    with closing(CaptureFiles(files.rectified, files.heatmaps, renders)) as stores:
        middle = len(stores.frames) // 2
        return comparison_row(stores, 0, middle, MODEL) if stores.targets else middle_row(stores, middle, MODEL)


def _measured(triple: Triple, made: _Made) -> MeasuredTriple:
    return MeasuredTriple(triple, means(made.rows), made.checks, made.problem)


def _angle(capture: Capture, pair: Names, person: Float[np.ndarray, " 3"]) -> float:
    return pair_angle(person, *(capture.cameras[name] for name in pair))


def _sentences(messages: Iterable[Warning | str]) -> list[str]:
    """Warnings, each once, without the paths of temporary files; the page itself shows which pairs are wide."""
    lines = []
    for each in messages:
        if not isinstance(each, UserMessage):
            lines.append(str(each))
        elif each.code != "wide-pair":
            lines.append(f"{f'camera {each.camera}: ' if each.camera else ''}{each.what}")
    return list(dict.fromkeys(lines))
