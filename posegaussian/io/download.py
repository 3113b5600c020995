"""Weights files of detectors, downloaded and checked where they are missing. Standard library only."""

import hashlib
import shutil
import urllib.request
from http.client import HTTPException
from pathlib import Path

from posegaussian.errors import DetectorError
from posegaussian.io.atomic import atomic_file


def ensure_file(path: Path, url: str | None, sha256: str | None) -> Path:
    """The path of a file that exists: it is downloaded from `url` if it is missing.

    Args:
        path: of the file.
        url: to download it from; None where it has none.
        sha256: its sha256, or the first digits of it.

    Raises:
        DetectorError: the file is missing and cannot be downloaded, or has another sha256.
    """
    if not path.is_file():
        if url is None:
            raise DetectorError(
                "no such weights file",
                code="missing-detector-weights",
                file=path,
                hint="put it there, or give its `url` and `sha256`",
            )
        if sha256 is None:
            raise DetectorError(
                f"{url} is not downloaded without a `sha256` to check it", code="missing-digest", file=path
            )
        _download(url, path, sha256)
    elif sha256 is not None:
        _check(path, sha256, "delete it, or correct `sha256`", path)
    return path


def _download(url: str, path: Path, sha256: str) -> None:
    try:
        with atomic_file(path) as temporary:
            with urllib.request.urlopen(url, timeout=60) as response, temporary.open("wb") as file:
                shutil.copyfileobj(response, file)
            _check(temporary, sha256, f"download it by hand to {path}", url)
    except (OSError, HTTPException, ValueError) as error:  # refused, cut off or timed out; not HTTP; not a url
        reason = getattr(error, "reason", error)
        raise DetectorError(
            f"cannot download {url} ({reason})", code="weights-download-failed", hint=f"download it by hand to {path}"
        ) from None


def _check(path: Path, sha256: str, hint: str, name: str | Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(sha256.lower()):
        raise DetectorError(f"its sha256 is {found}, expected {sha256}", code="wrong-digest", file=name, hint=hint)
