"""The plan: which settings and files each stage takes, by model and capture."""

from pathlib import Path

import pytest

from posegaussian import config

ROOT = Path(__file__).parents[3]
SPLITS = {"a": "train", "b": "val", "c": "test", "d": "test", "e": "test"}
PATHS = {"a": "builtin:1", "b": "fetch:pose2sim", "c": "builtin:3", "d": "scan:scans/d", "e": "captures/e"}
PRESETS = {"c": "near"}
DETECTORS = {
    "small": {"config": "package:small.py", "weights": "package:small.safetensors"},
    "mine": {"config": "mine.py", "weights": "mine.pth"},
    "far": {"config": "td-hm", "weights": "results/far.pth", "url": "https://a/far.pth", "sha256": "ab"},
    "real": {"kind": "blazepose"},
}
MODELS = {
    "demo": {"train": {"init": "release", "full_steps": 7}},
    "tuned": {"detector": "mine", "train": {"init": "demo", "depth_steps": 0}},
    "given": {"weights": "given.safetensors", "train": {"init": "other.safetensors"}},
    "shipped": {"weights": "release"},
    "streamed": {"train": {"stream": 1}},
}
RELEASE = str(ROOT / "posegaussian/assets/weights/release.safetensors")


def plan(has_masks=lambda capture: False, **sections) -> config.Plan:
    values = {"report": ["demo"], "detectors": DETECTORS, "models": MODELS, "presets": {"near": {"frames": 2}}}
    rows = {
        name: config.parse(
            config.CaptureRow,
            {"capture": name, "split": split, "path": PATHS[name], "preset": PRESETS.get(name, "")},
        )
        for name, split in SPLITS.items()
    }
    return config.Plan(config.parse(config.Config, values | sections), rows, ROOT, has_masks)


def test_captures_that_rules_make():
    made = plan()
    assert (made.seeds, made.scans, made.fetched) == ({"a": 1, "c": 3}, {"d": "scans/d"}, {"b": "pose2sim"})
    assert [name for name in SPLITS if made.is_made(name)] == ["a", "b", "c", "d"]
    assert made.builtin("c").frames == 2
    assert made.builtin("a") == made.config.builtin
    assert made.of_split("test") == ["c", "d", "e"]


def test_files_of_captures():
    assert plan().rectified("ab") == ["results/rectified/a.h5", "results/rectified/b.h5"]
    assert plan().heatmaps("tuned", "ab") == ["results/heatmaps/mine/a.h5", "results/heatmaps/mine/b.h5"]


def test_masks_of_built_in_captures_are_found_where_these_have_none():
    bare = plan(presets={"near": {"source_masks": False}}, rectify={"masks": "auto"})
    assert bare.people_of_rectify("c") == bare.people_of_heatmaps("real", "c") == ["results/people/c.h5"]
    assert bare.people_of_rectify("a") == plan().people_of_rectify("c") == []


def test_people_are_read_by_the_same_network_on_footage_without_masks():
    found = plan(rectify={"masks": "median"})
    assert found.people_of_heatmaps("real", "e") == ["results/people/e.h5"]
    assert found.people_of_heatmaps("real", "b") == ["results/people/b.h5"]
    assert [found.people_of_heatmaps("real", made) for made in "acd"] == [[], [], []]  # these have true masks
    assert found.people_of_heatmaps("small", "e") == []
    assert plan(rectify={"masks": "given"}).people_of_heatmaps("real", "e") == []
    other = plan(rectify={"masks": "median"}, people={"weights": "heavy.tflite"})
    assert other.people_of_heatmaps("real", "e") == []
    given = plan(has_masks=lambda capture: capture == "e")
    assert given.people_of_heatmaps("real", "e") == [], "given masks may be those of another person"
    assert given.people_of_heatmaps("real", "b") == ["results/people/b.h5"]


def test_people_that_masks_are_made_of():
    auto, given = plan(), plan(has_masks=lambda capture: capture == "e")
    assert [auto.people_of_rectify(name) for name in "be"] == [["results/people/b.h5"], ["results/people/e.h5"]]
    assert [given.people_of_rectify(name) for name in "be"] == [["results/people/b.h5"], []]
    assert [auto.people_of_rectify(made) for made in "acd"] == [[], [], []]
    assert plan(rectify={"masks": "given"}).people_of_rectify("b") == []
    median = plan(rectify={"masks": "median"})
    assert median.people_of_rectify("e") == [], "without a person, what differs from the median is taken"
    skipping = plan(rectify={"masks": "median"}, people={"missing": "skip"})
    assert skipping.people_of_rectify("e") == ["results/people/e.h5"] and skipping.people_of_rectify("a") == []


def test_folders_are_read_only_where_it_matters():
    """Built-in captures and scans have masks, fetched footage has none and is not there yet."""

    def read(capture):
        raise AssertionError(capture)

    made = plan(read)
    assert [made.people_of_rectify(name) for name in "abcd"] == [[], ["results/people/b.h5"], [], []]
    assert plan(read, rectify={"masks": "given"}).people_of_rectify("e") == []
    with pytest.raises(AssertionError, match="e"):
        made.people_of_rectify("e")


def test_the_person_whom_masks_show():
    made = plan(rectify={"masks": "median"})
    row = config.parse(config.CaptureRow, {"capture": "e", "split": "test", "path": "captures/e", "person": "2"})
    second = config.Plan(made.config, {**made.captures, "e": row}, ROOT)
    assert [made.person_option("e"), second.person_option("e")] == ["", "--person 2"]
    assert config.Plan(made.config, {"a": made.captures["a"]}, ROOT).person_option("a") == ""


def test_people_of_the_report():
    """Those of the rectified captures and of the heatmaps, each once."""
    models = {**MODELS, "real": {"detector": "real", "weights": "release"}}
    assert plan(models=models).people_of_report("real") == ["results/people/e.h5"]
    median = plan(models=models, rectify={"masks": "median"})
    assert median.people_of_report("real") == ["results/people/e.h5"] and median.people_of_report("shipped") == []
    assert plan(lambda _: True, models=models).people_of_report("real") == []


def test_files_of_detectors():
    packaged = ROOT / "posegaussian/assets/detector"
    assert plan().detector_files("small") == [str(packaged / "small.py"), str(packaged / "small.safetensors")]
    assert plan().detector_files("mine") == ["mine.py", "mine.pth"]
    assert plan().detector_files("far") == [], "these are downloaded, or names of MMPose's"
    assert plan().detector_files("real") == [str(packaged.parent / "blazepose/pose_landmark_full.safetensors")]


def test_environments_of_detectors():
    assert [plan().environment(name) for name in ("small", "real")] == ["mmpose", "posegaussian"]
    for name in ("small", "real"):
        assert (ROOT / f"envs/{plan().environment(name)}.yaml").is_file()


@pytest.mark.parametrize(
    "model, weights",
    [
        ("demo", "results/models/demo/full.safetensors"),
        ("given", str(Path("given.safetensors").absolute())),
        ("shipped", RELEASE),
    ],
)
def test_weights_to_render_with(model, weights, monkeypatch):
    found = plan().weights(model)
    assert found == weights or Path(found) == ROOT / "given.safetensors"


def test_weights_of_the_working_directory_come_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plan().weights("given") == str(ROOT / "given.safetensors")
    (tmp_path / "given.safetensors").touch()
    assert plan().weights("given") == str(tmp_path / "given.safetensors")


def test_weights_that_training_starts_from():
    made = plan()
    assert made.init("demo", "depth") == RELEASE
    assert made.init("demo", "full") == "results/models/demo/depth.safetensors"
    assert made.init("tuned", "full") == "results/models/demo/full.safetensors"
    assert made.init("given", "depth") == str(ROOT / "other.safetensors")
    assert made.init("streamed", "depth") is None


def test_stages_and_their_curves():
    made = plan()
    assert [made.phases(name) for name in ("demo", "tuned", "given")] == [("depth", "full"), ("full",), ()]
    assert made.curves("demo") == ["results/models/demo/depth.csv", "results/models/demo/full.csv"]
    assert made.curves("shipped") == []


def test_captures_to_learn_from():
    assert plan().learned("demo") == ["a"]
    assert plan().learned("streamed") == []


def test_a_stage_depends_on_its_own_settings_alone():
    made = plan()
    depth, full = (made.train_settings("demo", phase) for phase in ("depth", "full"))
    assert depth == {"train": {"init": "release"}} and full == {"train": {"init": "release", "full_steps": 7}}
    assert "weights" not in made.train_settings("given", "full"), "where its weights lie is no reason to train"


def test_groups_of_the_results():
    groups = {"near by": ["near", "d", "a"], "all": ["near", "d", "e"]}
    goals = [{"what": "w", "group": "near by", "metric": "psnr", "against": "tuned"}]
    made = plan(report=["demo", "tuned", "given"], results={"groups": groups, "goals": goals})
    assert made.groups() == {"near by": ("c", "d"), "all": ("c", "d", "e")}
    assert made.results().groups == made.groups()
    assert made.measured("demo") == ["c", "d", "e"], "the results are about it"
    assert made.measured("tuned") == ["c", "d"], "goals compare it there"
    assert made.measured("given") == ["c", "d", "e"]
    assert made.others("tuned") == ["demo", "given"]


def test_without_groups_each_capture_is_one():
    goals = [{"what": "w", "group": "e", "metric": "psnr", "against": "tuned"}]
    made = plan(report=["demo", "tuned"], results={"goals": goals})
    assert made.groups() == {}
    assert made.measured("tuned") == ["e"]
