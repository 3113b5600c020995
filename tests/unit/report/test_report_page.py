"""The page holds the numbers it was given, needs nothing from outside, and is the same every time."""

import json
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from posegaussian import store
from posegaussian.cli import main
from posegaussian.export.video import write_video

SUMMARY = """method,protocol,metric,mean,median,std,count,note
floor,full,psnr,25.111111,25,1,6,
floor,bbox,psnr,18.222222,18,1,6,
mine,full,psnr,31.333333,31,1,6,
mine,bbox,psnr,24.444444,24,1,6,
mine,bbox,ssim,0.876543,0.8,0.01,6,
mine,bbox,lpips,,,,0,LPIPS weights not available: no alexnet.pth in /home/somebody/weights
mine,disparity,epe_1024,3.456789,3,1,12,
mine,disparity,rate_1px,0.123456,0.1,0,12,
ceiling,full,psnr,36.555555,36,1,6,
ceiling,bbox,psnr,29.666666,29,1,6,
"""
CURVES = """step,split,loss,depth,image,pose,epe_1024,psnr_bbox,lr
5,train,2.5,2,,,9,,0.1
10,train,1.5,1,,,8,,0.1
10,val,,,,,7,,
"""
TIMES = "s\th:m:s\tmax_rss\n{}\t0:00:07\t321.5\n"
SIZE, FRAMES = 32, 4


def capture(folder, name, joints=True, depth=True, targets=1):
    """Rectified, heatmaps and renders of one capture; a ball of a person, seen the same by all cameras."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    mask = (((x - 16) ** 2 + (y - 16) ** 2) < 100).astype(np.uint8) * 255
    image = (rng.integers(60, 200, (SIZE, SIZE, 3)) * (mask > 0)[..., None]).astype(np.uint8)
    intrinsics = np.array([[40, 0, 16], [0, 40, 16], [0, 0, 1]])
    poses = [np.eye(4), np.eye(4), np.eye(4)]
    for pose, shift in zip(poses, (0.2, -0.2, 0.0), strict=True):
        pose[:3, 3] = shift, 0, 2
    common = dict(stage_version=1, settings={"weights": "/home/somebody/net.safetensors"}, inputs={"thing": "abc123"})
    dims = dict(pair=1, frame=FRAMES, height=SIZE, width=SIZE, coefficients=5, step=3, path_width=24, path_height=20)
    dims |= dict(target=targets, target_width=SIZE, target_height=SIZE)
    without = () if depth else ("sources/disparity", "sources/valid", "targets/depth")
    without += () if joints else ("joints",)
    paths = SimpleNamespace(
        rectified=folder / f"{name}.h5", heatmaps=folder / "maps" / f"{name}.h5", renders=folder / "mine" / f"{name}.h5"
    )
    with store.create(paths.rectified, store.RECTIFIED, dims, without=without, **common) as writer:
        writer["frames"] = range(FRAMES)
        writer["sources/pairs"] = [["00", "01"]]
        writer["sources/images"] = np.broadcast_to(image, (1, FRAMES, 2, *image.shape))
        writer["sources/masks"] = np.broadcast_to(mask, (1, FRAMES, 2, *mask.shape))
        writer["sources/intrinsics"] = intrinsics
        writer["sources/world_to_camera"] = poses[:2]
        if depth:
            writer["sources/disparity"] = 8.0
            writer["sources/valid"] = np.broadcast_to(mask > 0, (1, FRAMES, 2, *mask.shape))
        if targets:
            writer["targets/cameras"] = ["t00"]
            writer["targets/images"] = np.broadcast_to(image, (1, FRAMES, *image.shape))
            writer["targets/masks"] = np.broadcast_to(mask, (1, FRAMES, *mask.shape))
            writer["targets/intrinsics"] = intrinsics
            writer["targets/world_to_camera"] = poses[2]
            if depth:
                writer["targets/depth"] = np.broadcast_to(2.0 * (mask > 0), (1, FRAMES, *mask.shape))
    with store.create(paths.heatmaps, store.HEATMAPS, dims | dict(height=8, width=8), **common) as writer:
        writer["frames"] = range(FRAMES)
        writer["pairs"] = [["00", "01"]]
        writer["heatmaps"] = rng.random((1, FRAMES, 2, 17, 8, 8))
    with store.create(paths.renders, store.RENDERS, dims, **common) as writer:
        writer["frames"] = range(FRAMES)
        writer["sources/pairs"] = [["00", "01"]]
        writer["sources/disparity"] = 7.0 + rng.random((1, FRAMES, 2, SIZE, SIZE))
        if targets:
            writer["targets/cameras"] = ["t00"]
            writer["targets/images"] = np.broadcast_to(image // 2 + 40, (1, FRAMES, *image.shape))
            writer["targets/alphas"] = np.broadcast_to(mask, (1, FRAMES, *mask.shape))
        writer["path/ratios"] = [0, 0.5, 1]
        writer["path/images"] = rng.integers(0, 255, (3, 20, 24, 3))
    return paths


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "summary.csv").write_text(SUMMARY)
    (tmp_path / "depth.csv").write_text(CURVES)
    for name, seconds in (
        ("rectify/a", 7.0),
        ("rectify/b", 8.5),
        ("train/mine.depth", 4000),
        ("train/other.depth", 77777),
        ("heatmaps/small/a", 3),
        ("heatmaps/large/a", 66666),
        ("report/mine", 55555),
    ):
        path = tmp_path / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TIMES.format(seconds))
    return tmp_path


def report(folder, captures, *more, output="index.html", videos=True):
    paths = {kind: [str(getattr(c, kind)) for c in captures] for kind in ("rectified", "heatmaps", "renders")}
    if videos:
        write_video(folder / "path.mp4", np.zeros((3, 20, 24, 3), np.uint8), 5)
        paths["videos"] = [str(folder / "path.mp4")] * len(captures)
    paths["summary"], paths["curves"] = [str(folder / "summary.csv")], [str(folder / "depth.csv")]
    paths["benchmarks"] = sorted(map(str, (folder / "benchmarks").rglob("*.tsv")))
    arguments = [part for kind, files in paths.items() for part in (f"--{kind}", *files)]
    main(["report", "mine", "-o", str(folder / output), *arguments, *more])
    return (folder / output).read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects what a browser would fetch, what is said of pictures, and the text."""

    def __init__(self, text):
        super().__init__()
        self.links, self.undescribed, self.words, self.tags = [], [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.links += [values[name] for name in ("src", "href", "poster", "xlink:href", "srcset") if name in values]
        if (tag == "img" and not values.get("alt")) or (tag == "video" and not values.get("aria-label")):
            self.undescribed.append(values)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def page(inputs):
    return report(inputs, [capture(inputs, "person6")])


def test_every_number_of_the_summary_is_there(page):
    text = Page(page).text
    for number in ("25.11", "18.22", "31.33", "24.44", "0.8765", "36.56", "29.67", "3.46", "12.3 %"):
        assert number in text, number
    assert "LPIPS weights not available: no alexnet.pth in weights" in text


def test_nothing_is_fetched_from_outside(page):
    links = Page(page).links
    assert len(links) > 15
    assert all(link.startswith(("data:image/png;base64,", "data:video/mp4;base64,", "#")) for link in links)
    assert not re.search(r"https?://|@import|<script|url\((?!#)", page)


def test_pictures_are_described_and_all_kinds_are_there(page):
    parsed = Page(page)
    assert parsed.undescribed == []
    assert parsed.tags.count("video") == 1
    # the four compared views have five panels each, the disparity four
    assert parsed.tags.count("img") == 4 * 5 + 4
    assert parsed.tags.count("image") == 7


def test_times_leave_out_other_models_and_detectors(page):
    text = Page(page).text
    assert "rectification 2 15.5 s 322 MB" in text or "rectification 2 16 s 322 MB" in text
    assert "training, stage depth 1 1 h 06 min" in text and "joint heatmaps 1 3.0 s" in text
    assert not any(number in text for number in ("21 h", "18 h", "15 h"))


def test_no_folder_of_this_machine_and_no_time(page, inputs):
    assert "/home/somebody" not in page and str(inputs) not in page
    assert "net.safetensors" in page and "abc123" in page
    assert not re.search(r"20\d\d-\d\d-\d\d", page)


def test_same_input_same_bytes(inputs):
    captures = [capture(inputs, "person6")]
    assert report(inputs, captures, output="a.html") == report(inputs, captures, output="b.html")


def test_synthetic_people_are_called_so(inputs, page):
    assert "The people on this page are synthetic" in Page(page).text
    real = capture(inputs, "somebody", joints=False, depth=False)
    assert "synthetic" not in report(inputs, [real])
    both = Page(report(inputs, [capture(inputs, "person6"), real])).text
    assert "The people of person6 are synthetic" in both


def test_captures_without_targets_without_truth_still_make_a_page(inputs):
    text = Page(report(inputs, [capture(inputs, "plain", joints=False, depth=False, targets=0)], videos=False)).text
    assert "at ratio 0.50" in text and "Held-back views" not in text


def test_settings_of_the_model_are_shown(inputs):
    settings = json.dumps({"weights": "/home/somebody/secret/net.safetensors", "train": {"learning_rate": 0.00123}})
    page = report(inputs, [capture(inputs, "person6")], "--settings", settings)
    assert "0.00123" in page and "secret" not in page


def test_mistakes_are_one_line_and_leave_nothing(inputs, capsys):
    a = capture(inputs, "a")
    lonely = SimpleNamespace(rectified=a.rectified, heatmaps=a.heatmaps, renders=inputs / "missing.h5")
    with pytest.raises(SystemExit) as stop:
        report(inputs, [lonely], output="bad.html")
    assert stop.value.code == 2 and "missing.h5" in capsys.readouterr().err
    (inputs / "summary.csv").write_text("method,protocol\n")
    with pytest.raises(SystemExit):
        report(inputs, [a], output="bad.html")
    assert "summary.csv: no column" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report", "mine", "-o", str(inputs / "bad.html"), "--summary", "x", "--renders", "a", "b"])
    assert "0 files of --rectified for 2 of --renders" in capsys.readouterr().err
    assert not (inputs / "bad.html").exists()


def test_the_readme_picture_is_made_from_the_same_files(inputs, monkeypatch):
    paths, tool = capture(inputs, "person6"), Path(__file__).parents[3] / "tools" / "readme_picture.py"
    output = inputs / "images" / "demo.png"
    arguments = [str(tool), str(paths.renders), "--rectified", str(paths.rectified), "-o", str(output)]
    monkeypatch.setattr("sys.argv", arguments)
    runpy.run_path(str(tool), run_name="__main__")
    width = cv2.imread(str(output)).shape[1]
    assert 1580 <= width <= 1600
