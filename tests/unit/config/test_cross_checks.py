"""Values that contradict each other are refused before any job starts: one line, which names the key."""

from dataclasses import replace

import pytest

from posegaussian import config, registry
from posegaussian.config import results, whole
from posegaussian.errors import ConfigError
from posegaussian.evaluation import aggregate

DETECTORS = {"small": {"config": "package:small.py", "weights": "package:small.safetensors"}}


def whole_of(**sections):
    """A configuration with one reported model."""
    values = {"report": ["demo"], "detectors": DETECTORS, "models": {"demo": {}}}
    return config.parse(config.Config, values | sections, "configuration")


def refusal(read, *arguments, **sections) -> str:
    """The line that refuses."""
    with pytest.raises(ConfigError) as error:
        read(*arguments, **sections)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "train, message",
    [
        ({"batch_size": 3}, "batch_size: 3 is no multiple of `frames` 2"),
        (
            {"batch_size": 4, "stream_variants": [{"share": 0.1}, {"share": 0.1, "batch_size": 3}]},
            "stream_variants.1.batch_size: `batch_size` 3 is no multiple of `frames` 2",
        ),
        (
            {"batch_size": 4, "stream_variants": [{"share": 0.1, "frames": 8}]},
            "stream_variants.0.frames: `batch_size` 4 is no multiple of `frames` 8",
        ),
        (
            {"stream_variants": [{"share": 0.6}, {"share": 0.7}]},
            "stream_variants: their shares sum to 1.3, more than 1",
        ),
        ({"stream_variants": [{"share": 1.5}]}, "stream_variants.0.share: input should be less than or equal to 1"),
        (
            {"losses": {"poze": 1}},
            "losses.poze: input should be 'depth', 'image', 'gradient', 'pose', 'coverage' or 'temporal'",
        ),
        ({"heatmap_noise": 1e9}, "heatmap_noise: input should be less than or equal to 5, not 1000000000"),
        ({"losses": {"pose": -1}}, "losses.pose: input should be greater than or equal to 0, not -1"),
        (
            {"stream": 0.5, "batch_size": 9, "frames": 9, "synthetic": {"fps": 2}},
            "frames: a clip of 9 frames is too long: streamed people move for 4 s, 8 frames at `synthetic.fps` 2",
        ),
        (
            {"stream": 1, "batch_size": 8, "stream_variants": [{"share": 0.1, "frames": 8}], "synthetic": {"fps": 1}},
            "stream_variants.0.frames: a clip of 8 frames is too long",
        ),
        (
            {"synthetic": {"fps": 1000000}},
            "synthetic.fps: input should be less than or equal to 1000, not 1000000",
        ),
        ({"seed": -1}, "seed: input should be greater than or equal to 0, not -1"),
        ({"seed": 2**63}, "seed: input should be less than 9223372036854775808, not 9223372036854775808"),
        ({"target_size": 8}, "target_size: input should be greater than or equal to 16, not 8"),
        (
            {"synthetic": {"target_size": [64, 8]}},
            "synthetic.target_size.1: input should be greater than or equal to 16, not 8",
        ),
        ({"stream": 2}, "stream: input should be less than or equal to 1, not 2"),
        (
            {"synthetic": {"rig": {"margin": [0.1, 0.4], "principal": [0, 0.1]}}},
            "synthetic.rig.margin: 0.4 and `principal` 0.1 leave no room for the person",
        ),
        (
            {"synthetic": {"size": [500, 512]}},
            "synthetic.size.0: input should be a multiple of 16, not 500",
        ),
    ],
)
def test_training(train, message):
    line = refusal(whole_of, models={"demo": {"train": train}})
    assert line.startswith(f"configuration: models.demo.train.{message}")
    by_hand = refusal(config.load_settings, config.ModelSettings, str({"train": train}))
    assert by_hand.startswith(f"--settings: train.{message}")


def test_clips_of_captures_may_be_longer_than_those_of_the_stream():
    config.parse(config.TrainSettings, {"batch_size": 9, "frames": 9, "synthetic": {"fps": 2}})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{learning_rate: .inf}", "learning_rate: input should be a finite number, not inf"),
        ("{losses: {pose: .nan}}", "losses.pose: input should be a finite number, not nan"),
        ("{synthetic: {rig: {radius: .nan}}}", "synthetic.rig.radius: expected [low, high] within 0.8 .. 20, not nan"),
    ],
)
def test_numbers_are_finite(line, message):
    assert refusal(config.load_settings, config.TrainSettings, line) == f"--settings: {message}"


def test_kinds_of_rooms_and_divisors_are_named():
    line = refusal(config.load_settings, config.RoomSettings, "{kinds: []}", "--room")
    assert line == "--room: kinds: expected at least one kind; `off` is none"
    line = refusal(config.load_settings, config.RectifySettings, "{matting: {std: [1, 0, 1]}}")
    assert line == "--settings: matting.std: expected numbers above 0"


def test_rounded_shares_may_sum_to_one():
    variants = [{"share": share} for share in (0.05, 0.55, 0.3, 0.1)]
    assert sum(variant["share"] for variant in variants) > 1
    config.parse(config.TrainSettings, {"stream_variants": variants})


def test_losses_that_are_left_out_have_their_defaults():
    defaults = {"depth": 0.05, "image": 1.0, "gradient": 0.0, "pose": 0.05, "coverage": 1.0, "temporal": 0.5}
    assert config.TrainSettings().losses == config.ModelSettings().train.losses == defaults
    values = {"demo": {"train": {"losses": {"pose": 0, "gradient": 0.5}}}}
    assert whole_of(models=values).models["demo"].train.losses == defaults | {"pose": 0.0, "gradient": 0.5}


@pytest.mark.parametrize(
    "sections, message",
    [
        ({"report": ["demo", "other"]}, "report.1: 'other' is not one of `models`: demo"),
        (
            {"report": [], "models": {"plane_warp": {}}},
            "models.plane_warp: a reference row of the tables has this name",
        ),
        ({"models": {"demo": {"detector": "big"}}}, "models.demo.detector: 'big' is not one of `detectors`: small"),
        (
            {"detectors": {**DETECTORS, "big": {"config": "c", "weights": "w.pth", "url": "https://a/w.pth"}}},
            "detectors.big.sha256: missing: weights with a `url` are not downloaded without it",
        ),
        (
            {"detectors": {**DETECTORS, "big": {"config": "c"}}},
            "detectors.big.weights: missing: a detector of kind mmpose needs it",
        ),
        (
            {"detectors": {**DETECTORS, "big": {"weights": "w.pth"}}},
            "detectors.big.config: missing: a detector of kind mmpose needs it",
        ),
        (
            {"models": {"demo": {"train": {"init": "demo"}}}},
            "models.demo.train.init: a model cannot start from itself",
        ),
        (
            {"builtin": {"people": {"board": {"columns": 24, "rows": 21, "square": 0.02}}}},
            "builtin.people.board.columns: a charuco board of 24 x 21 takes 252 markers of 250",
        ),
        ({"builtin": {"ring": True, "sources": 2}}, "builtin.sources: 2 cameras of a `ring` face each other"),
        (
            {"presets": {"near": {"rig": {"margin": 0.4, "principal": 0.2}}}},
            "presets.near.rig.margin: 0.4 and `principal` 0.2 leave no room",
        ),
    ],
)
def test_sections(sections, message):
    assert refusal(whole_of, **sections).startswith(f"configuration: {message}")


def test_models_that_start_from_each_other():
    models = {"demo": {"train": {"init": "b"}}, "b": {"train": {"init": "c"}}, "c": {"train": {"init": "b"}}}
    line = refusal(whole_of, models=models)
    assert "models.b.train.init: a model cannot start from itself (through c)" in line
    assert "models.c.train.init" in line and "models.demo.train" not in line
    whole_of(models=models | {"b": {"weights": "b.safetensors", "train": {"init": "c"}}})
    whole_of(report=["release"], models={"release": {"train": {"init": "release"}}})


GOAL = {"what": "good", "group": "all", "metric": "psnr"}


@pytest.mark.parametrize(
    "goal, message",
    [
        ({"group": "none"}, "group: 'none' is not one of `results.groups`: all"),
        (
            {"metric": "psnrr"},
            "metric: input should be 'gap_to_gt_depth', 'psnr', 'ssim', 'flip', 'lpips', ",
        ),
        ({"scope": "frames"}, "metric: 'psnr' is not a metric of scope `frames`: jitter, settled, tof, warping"),
        ({"scope": "box"}, "scope: input should be 'full', 'bbox', 'ghg', 'frames' or 'disparity', not 'box'"),
        ({"scope": "ghg"}, "scope: 'ghg' is not one of `evaluate.crops`: full, bbox"),
        ({"method": "other"}, "method: 'other' is not one of `report`: plane_warp, gt_depth, demo"),
        ({"against": "other"}, "against: 'other' is no group and no reported model"),
        ({"by": "ratio"}, "by: a ratio needs `against`"),
        ({"least": 2, "most": 1}, "least: 2 is more than `most` 1"),
    ],
)
def test_goals(goal, message):
    sections = {"groups": {"all": ["c"]}, "goals": [GOAL | goal]}
    line = refusal(whole_of, results=sections, evaluate={"crops": ["full", "bbox"]})
    assert line.startswith(f"configuration: results.goals.0.{message}")


@pytest.mark.parametrize("against", [None, "plane_warp", "gt_depth", "all", "demo"])
def test_goals_are_compared_with_what_is_there(against):
    whole_of(results={"groups": {"all": ["c"]}, "goals": [GOAL | {"against": against, "method": "demo"}]})


def test_all_problems_are_in_one_line():
    first, second = (f"report.{number}: '{name}' is not one of `models`: demo" for number, name in enumerate("ab"))
    assert refusal(whole_of, report=["a", "b"]) == f"configuration: {first}; {second}"


def test_settings_in_code_are_checked_too():
    with pytest.raises(ValueError, match="no multiple"):
        replace(config.TrainSettings(), batch_size=5)


def test_the_metrics_are_those_of_the_stages():
    assert list(results.DERIVED) == [aggregate.GAP_TO_GT_DEPTH]
    for crop in config.EvaluateSettings().crops:
        assert results.metrics_of(crop) == [*registry.metrics_on("image"), aggregate.GAP_TO_GT_DEPTH]
    for other in ("frames", "disparity"):
        assert results.metrics_of(other) == [*registry.metrics_on(other)]
    assert whole.REFERENCES == ("plane_warp", "gt_depth")
