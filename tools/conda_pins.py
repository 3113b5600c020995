"""Write envs/posegaussian.yaml anew from the pins of envs/posegaussian.txt.

Snakemake copies the yaml alone, and knows an environment by its text: so the pins stand in it, not in a file it names.
"""

from pathlib import Path

ENVS = Path(__file__).parents[1] / "envs"
HEAD = """\
# The base environment for `snakemake --use-conda`. Written by tools/conda_pins.py (`make conda-env`) from
# posegaussian.txt, the pins of the virtual environment that `make` builds.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python =3.11
  - pip
  - pip:
"""


def text() -> str:
    """The environment file's text."""
    pins = (ENVS / "posegaussian.txt").read_text(encoding="utf-8").splitlines()
    return HEAD + "".join(f"      - {pin}\n" for pin in pins if not pin.startswith("#"))


if __name__ == "__main__":
    (ENVS / "posegaussian.yaml").write_text(text(), encoding="utf-8")
