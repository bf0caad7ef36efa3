"""Camera and video: the newest frame wins, the thread ends, what is missing is said."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.pictures.camera import Camera


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten frames, 64x48 at 60 a second; frame n is orange, 20 n bright in blue."""
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 60, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV cannot write MJPEG")
    for n in range(10):
        writer.write(np.full((48, 64, 3), (20 * n, 128, 250), np.uint8))
    writer.release()
    return path


def test_frames_come_in_order_as_rgb_and_end(video: Path) -> None:
    numbers = []
    with Camera(video) as camera:
        after = -1
        while (frame := camera.latest(after, timeout=5)) is not None:
            after = frame.number
            numbers.append(after)
            assert frame.picture.shape == (48, 64, 3)
            assert frame.picture.dtype == np.float32
            red, green, blue = frame.picture.mean(axis=(0, 1)) * 255
            assert (red, green, blue) == pytest.approx((250, 128, 20 * after), abs=9)
        assert camera.ended
        assert camera._period == pytest.approx(1 / 60), "at the speed the file says"
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 9


def test_a_video_begins_where_it_is_told_to(video: Path) -> None:
    """Frames keep their numbers; what lies behind the end is none, and a camera has no place."""
    with Camera(video, 6) as camera:
        frame = camera.latest(timeout=5)
        assert frame is not None
        assert frame.number >= 6
        assert frame.picture[..., 2].mean() * 255 == pytest.approx(20 * frame.number, abs=9)
        while (later := camera.latest(frame.number, timeout=5)) is not None:
            frame = later
        assert frame.number == 9
    for first in (10, 5000, -3):
        with Camera(video, first) as camera:
            frame = camera.latest(timeout=5)
            assert frame is not None
            assert frame.picture[..., 2].mean() * 255 == pytest.approx(20 * frame.number, abs=9)


def test_only_the_newest_frame_is_kept(video: Path) -> None:
    with Camera(video) as camera:
        first = camera.latest(timeout=5)
        assert first is not None
        assert camera.latest(after=8, timeout=5) is not None
        # Whoever asks late gets the last frame, not a queue of old ones.
        frame = camera.latest()
        assert frame is not None
        assert frame.number == 9
        assert camera.latest(after=9, timeout=5) is None


def test_closing_in_the_middle_ends_the_thread(video: Path) -> None:
    camera = Camera(video)
    assert camera.latest(timeout=5) is not None
    camera.close()
    camera.close()
    assert "camera" not in [t.name for t in threading.enumerate()]
    assert camera.ended


def test_a_missing_camera_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FilterLabError, match="no camera 97"):
        Camera(97)
    assert capfd.readouterr().err == ""


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match="no such file"):
        Camera(tmp_path / "a.avi")
    (tmp_path / "a.avi").write_bytes(b"RIFF" + bytes(500))
    with pytest.raises(FilterLabError, match="no video"):
        Camera(tmp_path / "a.avi")
