"""The page in a real browser: it asks for nothing, complains of nothing, turns the person and moves the slider."""

import io

import numpy as np
import pytest
from browser import CHROMIUM, browser, until
from PIL import Image
from report_files import capture, report

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")]


@pytest.fixture
def html(inputs):
    report(inputs, [capture(inputs, "person6")], splats=True)
    return inputs / "index.html"


@pytest.fixture
def page(tmp_path):
    with browser(tmp_path / "profile") as page:
        yield page
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def seen(page, selector):
    """Pixels of an element, RGB, and its box in the window."""
    box = page.run(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
    image = np.asarray(Image.open(io.BytesIO(page.picture())).convert("RGB")).astype(int)
    top, left = round(box["top"]), round(box["left"])
    return image[max(top, 0) : round(box["bottom"]), left : round(box["right"])], box


def start_viewer(page):
    page.run("document.querySelector('.viewer').scrollIntoView({block: 'center'})")
    page.until("document.querySelector('.viewer').dataset.state !== 'waiting'")
    assert page.run("document.querySelector('.viewer').dataset.state") == "ready"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_viewer_draws_turns_and_plays(page, html, width):
    page.open(html, width=width)
    start_viewer(page)

    def red():
        image, _ = seen(page, ".viewer canvas")
        return (image[..., 0] > 120) & (image[..., 1] < 60)

    until(lambda: red().mean() > 0.02)
    image, box = seen(page, ".viewer canvas")
    rows, columns = np.nonzero(red())
    height, breadth = image.shape[:2]
    assert abs(rows.mean() / height - 0.5) < 0.05 and abs(columns.mean() / breadth - 0.5) < 0.05
    # The disc is 0.6 m high, and its Gaussians reach a little farther: with the headroom of a quarter it fills 0.95 of
    # the height, and less on a narrow screen, where all of 0.8 times the height is in view from side to side.
    assert np.ptp(rows) / height == pytest.approx(0.95 * min(1, breadth / height / 0.8), abs=0.05)
    assert (image[5, 5] < 8).all()

    before = page.run("document.querySelector('.viewer').viewer.camera.position.toArray()")
    middle = (box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
    page.drag(middle, (middle[0] + 80, middle[1]))
    page.until(f"document.querySelector('.viewer').viewer.camera.position.x !== {before[0]}")
    after = page.run("document.querySelector('.viewer').viewer.camera.position.toArray()")
    assert np.linalg.norm(np.subtract(after, before)) > 0.1
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=0.05)

    page.run("(s => { s.value = 3; s.dispatchEvent(new Event('input')); })(document.querySelector('.viewer input'))")
    page.until("document.querySelector('.viewer output').textContent === 'frame 3'")
    until(
        lambda: ((p := seen(page, ".viewer canvas")[0])[..., 1] > 120).mean() > 0.02 and (p[..., 0] < 60).mean() > 0.9
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_slider_moves(page, html, width):
    page.open(html, width=width)
    page.run("document.querySelector('.compare').scrollIntoView({block: 'center'})")
    half, box = seen(page, ".compare")
    page.drag((box["left"] + box["width"] / 2, box["top"] + 90), (box["left"] + box["width"] * 0.9, box["top"] + 90))
    right, _ = seen(page, ".compare")
    assert float(page.run("document.querySelector('.compare input').value")) == pytest.approx(90, abs=3)
    edge = round(0.25 * box["width"])
    assert (half[60:-30, 20:edge] == right[60:-30, 20:edge]).all(), "left of the line nothing changes"
    between = slice(round(0.6 * box["width"]), round(0.8 * box["width"]))
    assert np.abs(half[60:-10, between] - right[60:-10, between]).mean() > 5, "between the two places it does"

    page.run("document.querySelectorAll('.sliding .panel')[2].click()")
    assert page.run("document.querySelector('.compare .tag.left').textContent") == "plane_warp"


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_a_phone_and_the_dark_page_is_dark(page, html, dark):
    page.open(html, width=390, dark=dark)
    assert page.run("document.documentElement.scrollWidth") == 390
    corner = np.asarray(Image.open(io.BytesIO(page.picture())).convert("L"))[2, 2]
    assert corner < 40 if dark else corner > 215
