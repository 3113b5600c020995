"""Outputs whose names have another suffix are refused before anything is read or computed."""

import shlex

import helpers
import pytest

from posegaussian import cli


@pytest.mark.parametrize(
    ("line", "suffix"),
    [
        ("inspect capture -o page.pdf", ".html"),
        ("assess capture -o rig.csv", ".html"),  # where the metrics are written
        ("adapt capture -o tuned.json", ".safetensors"),  # where the verdict is written
        ("adapt capture -o tuned", ".safetensors"),
        ("people capture -o people", ".h5 or .hdf5"),
        ("rectify capture -o rectified", ".h5 or .hdf5"),
        ("rectify capture -o rectified.png", ".h5 or .hdf5"),
        ("heatmaps rectified.h5 --settings '{kind: blazepose}' -o heatmaps", ".h5 or .hdf5"),
        ("render rectified.h5 -o renders", ".h5 or .hdf5"),
        ("references rectified.h5 -o references", ".csv"),
        ("evaluate renders.h5 --rectified rectified.h5 -o metrics.h5", ".csv"),
        ("summarize metrics.csv -o summary", ".csv"),
        ("render capture --video out.avi", ".mp4"),
        ("render capture -o view.txt", ".png"),
        ("contact-sheet --seeds 1 -o sheet.gif", ".png or .jpg"),
    ],
)
def test_the_line_names_what_the_name_has_to_end_in(line, suffix, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    with helpers.exits(capsys, names=[suffix], file=words[-1]):
        cli.main(words)
    assert not list(tmp_path.iterdir()), "nothing is written"
