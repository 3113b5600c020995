"""A network camera that speaks RTSP (RFC 7826's predecessor, RFC 2326): H.264 in RTP over the connection itself."""

import socket
import struct
import threading
import time
from fractions import Fraction

import av
import helpers
import numpy as np
import pytest

from posegaussian.live.cameras import GrabbedCamera
from posegaussian.live.sources import NetworkCamera

SIZE, FPS, CLOCK = (64, 48), 20, 90000
SDP = f"""v=0
o=- 0 0 IN IP4 127.0.0.1
s=camera
t=0 0
a=control:*
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/{CLOCK}
a=fmtp:96 packetization-mode=1
a=control:track
""".replace("\n", "\r\n")


def units(number, encoder):
    """NAL units of a frame, whose red says how many there were before."""
    image = np.full((SIZE[1], SIZE[0], 3), (60 + number % 100, 20, 20), np.uint8)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    data = b"".join(bytes(packet) for packet in encoder.encode(frame)).replace(b"\0\0\0\1", b"\0\0\1")
    return [unit for unit in data.split(b"\0\0\1") if unit]


def new_encoder():
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *SIZE, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, FPS), Fraction(FPS), 5
    parameters = "annexb=1:repeat-headers=1:threads=1:sliced-threads=0:bframes=0"
    encoder.options = {"tune": "zerolatency", "x264-params": parameters}
    return encoder


class Camera:
    """A server for one connection after the other."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port, self.requests, self.ended = self.listening.getsockname()[1], [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.ended.set()
        self.listening.close()

    def _run(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.listening.accept()
                with connection, connection.makefile("rb") as incoming:
                    self._serve(connection, incoming)
            except OSError:
                continue

    def _serve(self, connection, incoming):
        while head := self._request(incoming):
            method, number = head[0].split()[0], next(line for line in head if line.lower().startswith("cseq"))
            self.requests.append(method)
            answer = {
                "OPTIONS": ("Public: DESCRIBE, SETUP, PLAY, TEARDOWN", ""),
                "DESCRIBE": (f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}", SDP),
                "SETUP": ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7", ""),
            }.get(method, ("Session: 7", ""))
            connection.sendall(f"RTSP/1.0 200 OK\r\n{number}\r\n{answer[0]}\r\n\r\n{answer[1]}".encode())
            if method == "PLAY":
                self._play(connection)
                return

    def _request(self, incoming):
        lines = []
        while (line := incoming.readline().decode().strip()) or not lines:
            if not line:
                return None
            lines.append(line)
        return lines

    def _play(self, connection):
        encoder, sequence, start = new_encoder(), 0, time.monotonic()
        for number in range(10_000):
            time.sleep(max(0.0, start + number / FPS - time.monotonic()))
            if self.ended.is_set():
                return
            parts = units(number, encoder)
            for index, unit in enumerate(parts):
                last = index == len(parts) - 1
                head = struct.pack(">BBHII", 0x80, 96 | last << 7, sequence & 0xFFFF, number * CLOCK // FPS, 1)
                connection.sendall(struct.pack(">cBH", b"$", 0, 12 + len(unit)) + head + unit)
                sequence += 1


@pytest.fixture
def camera():
    found = Camera()
    yield found
    found.close()


def test_rtsp_is_received_as_it_is_filmed(camera):
    got = []
    source = NetworkCamera(f"rtsp://127.0.0.1:{camera.port}/stream", 2.0)
    calibrated = helpers.source_camera(helpers.lens(0, size=SIZE))
    grabbed = GrabbedCamera("00", calibrated, source, 1.0, lambda name, frame: got.append((time.monotonic(), frame)))
    grabbed.start()
    try:
        end = time.monotonic() + 30
        while len(got) < 25:
            assert time.monotonic() < end, grabbed.status()
            time.sleep(0.02)
        assert grabbed.status().state == "live" and "PLAY" in camera.requests
        image = grabbed.image(got[-1][1])
        assert image is not None and image[..., 0].mean() > image[..., 2].mean() + 20
        steps = np.diff([frame.time for _, frame in got[-15:]])
        assert abs(np.median(steps) - 1 / FPS) < 1e-3  # by the camera's own clock, not as they arrive
        assert max(arrival - frame.time for arrival, frame in got[-15:]) < 0.5
    finally:
        grabbed.close()
