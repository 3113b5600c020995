#!/usr/bin/env bash
# The MMPose environment, one list of pins for two routes:
#   with conda     Snakemake runs this file inside the environment made from mmpose.yaml;
#   without conda  bash envs/mmpose.post-deploy.sh FOLDER   makes a virtual environment in FOLDER.
# FOLDER/pins.lock, a copy of the pins, is written last. FOLDER/.installed is the same, for this script
# alone (Snakemake deletes pins.lock before it runs the rule again): while it equals the pins nothing is installed; a
# folder whose installation was interrupted, or has other pins, is made anew.
#
# PYTHON                 the Python 3.11 to make the virtual environment with (default: python3.11, then python3)
# PIP_EXTRA_INDEX_URL    pip's own setting: an index with another build of PyTorch (docs/howto/install.md)
set -euo pipefail

# Python 3.11 and NumPy 1: xtcocotools' wheels ask for both. setuptools < 81: mmengine imports pkg_resources.
# MMPose 1.1.0 with mmcv-lite needs neither mmdet nor compiled mmcv operators; chumpy and torchvision, which it names, are
# never imported: hence --no-deps below.
torch="torch==2.13.0"
pins="\
mmpose==1.1.0
mmcv-lite==2.1.0
mmengine==0.10.7
xtcocotools==1.14.3
numpy==1.26.4
opencv-python-headless==4.11.0.86
scipy==1.17.1
h5py==3.16.0
pydantic==2.14.3
safetensors==0.8.0
setuptools==80.10.2
addict==2.4.0
annotated-types==0.8.0
attrs==26.1.0
contourpy==1.3.3
cycler==0.12.1
cyclopts==5.5.2
docstring-parser==0.18.0
filelock==4.2.11
fonttools==4.68.0
fsspec==2026.9.0
isal==1.9.1
jinja2==3.1.6
json-tricks==3.17.3
kiwisolver==1.5.1
markdown-it-py==4.3.0
markupsafe==3.0.4
matplotlib==3.10.8
mdurl==0.1.2
mpmath==1.3.0
munkres==3.0.0
networkx==3.6.1
packaging==26.3
pillow==13.0.0
platformdirs==4.14.7
pydantic-core==2.50.4
pygments==2.21.0
pyparsing==3.3.3
python-dateutil==4.0.0
pyyaml==6.0.3
rich==15.0.0
rich-rst==2.2.0
sympy==1.14.0
termcolor==3.3.0
typing-extensions==4.16.0
typing-inspection==0.4.5
tzdata==2026.6
yapf==0.43.0"

lock="$torch"$'\n'"$pins"

fail() { echo "mmpose environment: error: $*" >&2; exit 2; }

is_311() { command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; }

make_venv() {
    local python
    for python in ${PYTHON:-python3.11 python3}; do
        if is_311 "$python"; then
            "$python" -m venv --clear "$1"
            return
        fi
    done
    fail "needs Python 3.11, found none; set PYTHON to one, or let Snakemake use conda"
}

write_lock() {
    printf '%s\n' "$lock" > "$1.new"
    mv "$1.new" "$1"
}

if [ $# -gt 1 ]; then
    fail "usage: bash $0 [FOLDER]"
elif [ $# -eq 1 ]; then
    prefix=$1
    mkdir -p "$(dirname "$prefix")"
    exec 9> "$prefix.lock"
    if command -v flock >/dev/null; then flock 9; fi
    if [ "$(cat "$prefix/.installed" 2>/dev/null)" = "$lock" ]; then
        if [ ! -e "$prefix/pins.lock" ]; then write_lock "$prefix/pins.lock"; fi
        echo "$prefix: up to date"
        exit
    fi
    if [ -n "$(ls -A "$prefix" 2>/dev/null)" ] && [ ! -e "$prefix/pyvenv.cfg" ]; then
        fail "$prefix holds something else than a virtual environment"
    fi
    make_venv "$prefix"
else
    prefix=${CONDA_PREFIX:?"neither a folder named nor a conda environment active"}
fi

pip() { "$prefix/bin/python" -m pip --disable-pip-version-check --no-input "$@"; }

pip install --no-deps --only-binary :all: $pins
# With its dependencies: all are there but the CUDA libraries that some builds ask for.
pip install --only-binary :all: "$torch"
"$prefix/bin/python" -W ignore -c "import cyclopts, h5py, mmpose.apis, pydantic, safetensors, yaml"
write_lock "$prefix/.installed"
write_lock "$prefix/pins.lock"
