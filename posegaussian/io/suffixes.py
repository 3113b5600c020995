"""Suffixes of the files that commands write. The MMPose environment imports it, too."""

from collections.abc import Collection
from pathlib import Path

from posegaussian.errors import ConfigError

STORE_SUFFIXES = (".h5", ".hdf5")
"""Suffixes of the HDF5 files between the stages."""


def check_suffix(output: Path, suffixes: Collection[str]) -> None:
    """Refuse the name of a file to write, before anything is computed, that has none of some suffixes.

    Raises:
        ConfigError: it has another suffix, or is the name of a folder.
    """
    if output.suffix.lower() not in suffixes:
        what = f"the name of this output has to end in {' or '.join(suffixes)}"
        raise ConfigError(what, code="wrong-suffix", file=output)
