"""Digests of the files that a stage reads from a capture, for its store."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from posegaussian.captures.capture import Capture
from posegaussian.io import store
from posegaussian.parallel import in_order


def capture_digests(capture: Capture, files: Iterable[Path]) -> dict[str, str]:
    """Digest of each calibration file and of the file of joints, by name, and one of all other files together."""
    named = [*capture.calibration_files, *([capture.joints_file] if capture.joints_file else [])]
    digests = {os.path.relpath(path, capture.root): store.digest(path) for path in named}
    images = hashlib.sha256()
    for digest in in_order(store.digest, [path for path in files if path not in named]):
        images.update(bytes.fromhex(digest))
    return digests | {"pictures": images.hexdigest()}
