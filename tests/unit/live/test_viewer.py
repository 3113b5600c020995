"""What one browser is sent: never more than two views that it has not drawn, and nothing twice."""

import math

import cv2
import numpy as np
import pytest
import torch

from posegaussian.live.loop import LiveFrame
from posegaussian.live.viewer import HEADER, VIEW, BadMessage, Viewer, jpeg, message, sources_jpeg
from posegaussian.types import Camera, Gaussians


def frame(number):
    images = {"a": np.full((720, 640, 3), 200, np.uint8), "b": np.full((240, 320, 3), 90, np.uint8)}
    cameras = Camera(torch.eye(3).repeat(2, 1, 1), torch.eye(4).repeat(2, 1, 1), 8, 8)
    nothing = Gaussians(*(torch.zeros(0, *size) for size in ((3,), (4,), (3,), (), (3,))))
    return LiveFrame(number, number / 30, nothing, cameras, images)


def test_a_view_is_sent_once_and_again_when_it_changes():
    viewer = Viewer()
    first = frame(1)
    assert viewer.due(None) is None
    assert viewer.due(first) is first
    viewer.asked, viewer.in_flight = (1, viewer.viewpoint), 1
    assert viewer.due(first) is None
    viewer.receive('{"view": [0.2, 3, 1.5]}', first)
    assert viewer.due(first) is first and viewer.viewpoint.along == 0.2


def test_a_viewer_who_does_not_draw_gets_no_more():
    viewer = Viewer(in_flight=2)
    assert viewer.due(frame(5)) is None
    viewer.receive('{"drawn": true}', None)
    assert viewer.due(frame(5)) is not None
    for _ in range(5):
        viewer.receive('{"drawn": true}', None)
    assert viewer.in_flight == 0


def test_a_frozen_frame_stays_and_can_be_looked_at():
    viewer, old = Viewer(), frame(1)
    viewer.receive('{"freeze": true}', old)
    assert viewer.due(frame(2)) is old
    viewer.receive('{"freeze": true}', frame(3))
    assert viewer.frozen is old
    viewer.receive('{"freeze": false}', frame(3))
    assert viewer.frozen is None


def test_wishes_for_the_session_are_returned():
    assert Viewer().receive('{"record": true, "sources": true}', None) == {"record": True}
    assert Viewer().receive('{"sources": true}', None) == {}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", '{"shell": "ls"}', '{"view": 1}', '{"view": [1, 2]}', '{"view": ["a", 1, 2]}', "[" * 900, b"\xff"],
)
def test_other_messages_are_refused(text):
    with pytest.raises(BadMessage):
        Viewer().receive(text, None)


def test_places_from_outside_are_bounded():
    viewer = Viewer()
    viewer.receive('{"view": [1e300, -1e300, NaN]}', None)
    assert all(math.isfinite(value) for value in vars(viewer.viewpoint).values())
    assert viewer.viewpoint.along <= 1.1 and viewer.viewpoint.up >= -10


def test_a_message_holds_kind_number_time_and_image():
    image = np.zeros((16, 24, 3), np.uint8)
    image[..., 0] = 250
    data = message(VIEW, frame(7), jpeg(image, 95))
    assert HEADER.unpack(data[: HEADER.size]) == (VIEW, 7, 7 / 30) and HEADER.size == 13
    decoded = cv2.imdecode(np.frombuffer(data[HEADER.size :], np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (16, 24, 3) and (decoded[..., 2] > 240).all() and (decoded[..., 0] < 10).all()


def test_both_cameras_stand_side_by_side():
    decoded = cv2.imdecode(np.frombuffer(sources_jpeg(frame(1), 95), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (360, 320 + 320, 3)
    assert abs(int(decoded[100, 100, 0]) - 200) < 4 and abs(int(decoded[100, 500, 0]) - 90) < 4
    assert decoded[300, 500, 0] < 8
