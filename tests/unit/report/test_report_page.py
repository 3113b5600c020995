"""The page holds the numbers it was given, needs nothing from outside, and is the same every time."""

import base64
import json
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import cv2
import helpers
import numpy as np
import pytest
from report_files import SUMMARY, capture, report

from posegaussian.cli import main
from posegaussian.evaluation.rows import Row, write_rows
from posegaussian.evaluation.table import read_all
from posegaussian.report.angles import curves_by_angle
from posegaussian.report.views import CaptureFiles


class Page(HTMLParser):
    """Collects what a browser would fetch, the descriptions of images, and the text."""

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
    assert "nobody stands still" not in text, "a reason for a number that the page does not show"


def test_other_models_stand_beside_it(inputs):
    other = inputs / "theirs.csv"
    other.write_text(SUMMARY.replace("mine", "theirs").replace("24.444444", "23.123456").replace("29.666666", "99.99"))
    settings = json.dumps({"train": {"init": "/home/somebody/start.safetensors"}})
    page = report(inputs, [capture(inputs, "a")], "--others", str(other), "--settings", settings)
    text = Page(page).text
    assert re.search(r"theirs 23\.12", text) and re.search(r"mine 24\.44", text)
    assert text.count("theirs 3.46 12.3 %") == text.count("mine 3.46 12.3 %") == 1
    assert "29.67" in text and "99.99" not in text, "the reference rows are its own"
    assert "from the weights start.safetensors" in text


def test_nothing_is_fetched_from_outside(page):
    links = Page(page).links
    assert len(links) > 15
    assert all(link.startswith(("data:image/png;base64,", "data:video/mp4;base64,", "#")) for link in links)
    assert not re.search(r"https?://|@import|<script[^>]+src|<link|url\((?!#)", page)


def test_images_are_described_and_all_kinds_are_there(page):
    parsed = Page(page)
    assert parsed.undescribed == []
    assert parsed.tags.count("video") == 1
    # the four compared views have five panels each, the heatmaps and the disparity four
    assert parsed.tags.count("img") == 4 * 5 + 4 + 4
    assert parsed.tags.count("image") == 7


def test_times_leave_out_other_models_and_detectors(page):
    text = Page(page).text
    assert "rectification 2 15.5 s 322 MB" in text or "rectification 2 16 s 322 MB" in text
    assert "training, phase depth 1 1 h 06 min" in text and "joint heatmaps 1 3.0 s" in text
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
    assert "are synthetic" not in report(inputs, [real])
    both = Page(report(inputs, [capture(inputs, "person6"), real])).text
    assert "The people of person6 are synthetic" in both


def test_captures_without_targets_without_truth_still_make_a_page(inputs):
    text = Page(report(inputs, [capture(inputs, "plain", joints=False, depth=False, targets=0)], videos=False)).text
    assert "at ratio 0.50" in text and "held-out views look like" not in text


def test_settings_of_the_model_are_shown(inputs):
    settings = json.dumps({"weights": "/home/somebody/secret/net.safetensors", "train": {"learning_rate": 0.00123}})
    page = report(inputs, [capture(inputs, "person6")], "--settings", settings)
    assert "0.00123" in page and "secret" not in page


def test_mistakes_are_one_line_and_leave_nothing(inputs, capsys):
    a = capture(inputs, "a")
    lonely = SimpleNamespace(rectified=a.rectified, heatmaps=a.heatmaps, renders=inputs / "missing.h5")
    with helpers.exits(capsys, file="missing.h5"):
        report(inputs, [lonely], output="bad.html")
    (inputs / "summary.csv").write_text("method,scope\n")
    with helpers.exits(capsys, file="summary.csv"):
        report(inputs, [a], output="bad.html")
    with helpers.exits(capsys, names=["--rectified", "--renders"]):
        main(["report", "mine", "-o", str(inputs / "bad.html"), "--summary", "x", "--renders", "a", "b"])
    assert not (inputs / "bad.html").exists()


def test_gaussians_travel_in_the_page(inputs):
    text = report(inputs, [capture(inputs, "person6")], splats=True)
    (found,) = re.findall(r'class="splats">(.*?)</script>', text)
    data = json.loads(found)
    assert [frame["title"] for frame in data["pairs"][0]["frames"]] == ["frame 0", "frame 1", "frame 2", "frame 3"]
    image = base64.b64decode(data["pairs"][0]["frames"][0]["image"].partition(",")[2])
    assert (image[:4], image[8:12]) == (b"RIFF", b"WEBP")
    np.testing.assert_allclose(data["centre"], 0, atol=0.02)
    np.testing.assert_allclose(data["position"], [0, 0, -2], atol=1e-5)
    np.testing.assert_allclose(data["up"], [0, -1, 0], atol=1e-5)
    assert '<script type="module">/*! PoseGaussian' in text and "MIT License" in text
    assert "https://" not in re.sub(r"/\*!.*?\*/", "", text, flags=re.DOTALL)


def test_the_detector_is_named(inputs, page):
    assert "Joint heatmaps of the detector small (net.safetensors)" in Page(page).text


def test_errors_are_drawn_over_the_angle_where_there_are_several(inputs):
    near, far = capture(inputs, "near"), capture(inputs, "far", turned=30.0)
    for name, psnr in (("near", 30.0), ("far", 20.0)):
        rows = [
            Row(name, "00-01", "t00", f, m, "bbox", "psnr", psnr + f) for m in ("plane_warp", "mine") for f in range(2)
        ]
        write_rows(inputs / f"{name}.csv", rows)
    tables = [inputs / "near.csv", inputs / "far.csv"]
    files = [CaptureFiles(c.rectified, None, c.renders) for c in (near, far)]
    curves = curves_by_angle(files, read_all(tables))
    assert curves["psnr"]["mine"] == ([0.0, 30.0], [30.5, 20.5]) and set(curves["psnr"]) == {"plane_warp", "mine"}
    assert curves_by_angle(files[:1], read_all(tables[:1])) == {}
    text = Page(report(inputs, [near, far], "--metrics", *map(str, tables))).text
    assert "depend on the angle between the cameras" in text and "PSNR (box), dB" in text


def test_found_masks_have_a_number_and_a_word(inputs):
    """The mean over the frames of each camera; the file of the people is among what the page was made from."""
    sure, given = capture(inputs, "sure", confidence=(0.97, 0.91)), capture(inputs, "given")
    found = Page(report(inputs, [sure, given], "--people", str(sure.people))).text
    assert "00 confidence 0.97 (high)" in found and "01 confidence 0.91 (medium)" in found
    assert "people (version 1)" in found and '"person": 2' in found
    assert "How sure are the masks?" not in Page(report(inputs, [given], output="given.html")).text


def test_the_readme_image_is_made_from_the_same_files(inputs, monkeypatch):
    paths, tool = capture(inputs, "person6"), Path(__file__).parents[3] / "tools" / "readme_picture.py"
    output = inputs / "images" / "demo.jpg"
    arguments = [str(tool), str(paths.renders), "--rectified", str(paths.rectified), "-o", str(output)]
    monkeypatch.setattr("sys.argv", arguments)
    runpy.run_path(str(tool), run_name="__main__")
    width = np.asarray(cv2.imread(str(output))).shape[1]
    assert 1580 <= width <= 1600
