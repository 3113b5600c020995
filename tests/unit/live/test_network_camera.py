"""A network camera: motion JPEG over HTTP, as IP cameras send it, which dies and returns."""

import http.server
import threading
import time

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.live.cameras import GrabbedCamera
from posegaussian.live.sources import NetworkCamera

SIZE = (64, 48)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
        self.end_headers()
        number = 0
        try:
            while not self.server.ended.is_set():
                if self.server.quiet.is_set():  # the connection stays open
                    time.sleep(0.02)
                    continue
                image = np.full((SIZE[1], SIZE[0], 3), (20, 20, 60 + number % 100), np.uint8)
                data = cv2.imencode(".jpg", image)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                self.wfile.write(head + data + b"\r\n")
                number += 1
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, *_):
        """Say nothing."""


class Camera:
    """The server, which can be switched off and on at the same port."""

    def __init__(self):
        self.port = 0
        self.on()

    def on(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), _Handler)
        self.server.daemon_threads = True
        self.server.ended, self.server.quiet = threading.Event(), threading.Event()
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def off(self):
        self.server.ended.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def camera():
    found = Camera()
    yield found
    found.off()


@pytest.fixture
def grabbed(camera):
    """A thread that grabs the camera's frames, and what it has grabbed: arrivals and frames."""
    got = []
    source = NetworkCamera(f"http://me:secret@127.0.0.1:{camera.port}/video", 1.0)
    calibrated = helpers.source_camera(helpers.lens(0, size=SIZE))
    found = GrabbedCamera("00", calibrated, source, 0.5, lambda name, frame: got.append((time.monotonic(), frame)))
    found.start()
    yield found, got
    found.close()


def wait_for(condition, seconds=15.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_motion_jpeg_is_received_lost_and_received_again(camera, grabbed, capfd):
    source, got = grabbed
    wait_for(lambda: len(got) > 20)
    arrival, frame = got[-1]
    image = source.image(frame)
    assert image is not None and image.shape == (48, 64, 3)
    assert image[..., 0].mean() > image[..., 2].mean() + 20  # red is red
    assert 0 <= arrival - frame.time < 0.5
    steps = np.diff([each.time for _, each in got[5:]])
    assert 0.03 < np.median(steps) < 0.12  # as they come, not as FFmpeg counts them
    camera.off()
    wait_for(lambda: source.status().state == "lost")
    assert "secret" not in str(source.status().as_dict())
    count = len(got)
    camera.on()
    wait_for(lambda: source.status().state == "live" and len(got) > count + 3)
    assert "secret" not in "".join(capfd.readouterr())  # FFmpeg's own log


def test_a_camera_that_stalls_is_shown_as_such_and_taken_up_again(camera, grabbed):
    source, got = grabbed
    wait_for(lambda: len(got) > 3)
    camera.server.quiet.set()
    wait_for(lambda: source.status().state == "stalled")  # the connection is open
    wait_for(lambda: source.status().state == "lost")  # after a second without a frame it is given up
    count = len(got)
    camera.server.quiet.clear()
    wait_for(lambda: source.status().state == "live" and len(got) > count + 3)
    arrival, frame = got[-1]
    assert 0 <= arrival - frame.time < 0.5
