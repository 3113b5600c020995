"""The command line: what the workflow passes is read, and a mistake is one line on stderr and exit status 2."""

import io
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import helpers
import pytest
from rich.console import Console

from posegaussian import __version__, cli

ROOT = Path(__file__).parents[3]
SETTINGS = """--settings '{"size": [256, 256], "color": "off"}'"""
TEXT = '{"size": [256, 256], "color": "off"}'
OUT = Path("out")


def parse(line):
    return cli.parse(shlex.split(line))


def files(*names):
    return tuple(map(Path, names))


LINES = {
    # As workflow/rules/*.smk write them; lists that may be empty, both ways.
    f"captures --seed 3 --output out {SETTINGS}": ((), {"seed": 3, "output": OUT, "settings": TEXT}),
    f"captures --scan 'a b' --output out {SETTINGS}": ((), {"scan": Path("a b"), "output": OUT, "settings": TEXT}),
    "fetch pose2sim --output out": (("pose2sim",), {"output": OUT}),
    f"people 'a b' --output out --frames= --person 2 {SETTINGS}": (
        files("a b"),
        {"output": OUT, "frames": "", "person": 2, "settings": TEXT},
    ),
    f"rectify 'a b' --output out --pairs --frames= --targets {SETTINGS}": (
        files("a b"),
        {"output": OUT, "pairs": (), "frames": "", "targets": (), "settings": TEXT},
    ),
    f"rectify a --output out --pairs 00,01 01,02 --frames=-3: --targets t00 t01 {SETTINGS}": (
        files("a"),
        {"output": OUT, "pairs": ("00,01", "01,02"), "frames": "-3:", "targets": ("t00", "t01"), "settings": TEXT},
    ),
    f"heatmaps a.h5 --output out {SETTINGS}": (files("a.h5"), {"output": OUT, "settings": TEXT}),
    f"train depth --rectified --heatmaps --val-rectified --val-heatmaps --init --state s --output out {SETTINGS}": (
        ("depth",),
        {name: () for name in ("rectified", "heatmaps", "val_rectified", "val_heatmaps", "init")}
        | {"state": Path("s"), "output": OUT, "settings": TEXT},
    ),
    "train full --rectified a b --heatmaps c d --val-rectified e --val-heatmaps f --init g --state s --output out": (
        ("full",),
        {"rectified": files("a", "b"), "heatmaps": files("c", "d"), "init": ("g",)}
        | {"val_rectified": files("e"), "val_heatmaps": files("f"), "state": Path("s"), "output": OUT},
    ),
    f"render a.h5 --heatmaps h --weights w --output out --video v --frames f --splats s  {SETTINGS}": (
        files("a.h5"),
        {"heatmaps": Path("h"), "weights": "w", "output": OUT, "video": Path("v")}
        | {"frames": Path("f"), "splats": Path("s"), "settings": TEXT},
    ),
    f"render a.h5 --splats s --no-stabilizer {SETTINGS}": (
        files("a.h5"),
        {"splats": Path("s"), "no_stabilizer": True, "settings": TEXT},
    ),
    f"references a.h5 --output out {SETTINGS}": (files("a.h5"), {"output": OUT, "settings": TEXT}),
    f"evaluate a.h5 --rectified b.h5 --references c.csv --output out {SETTINGS}": (
        files("a.h5"),
        {"rectified": Path("b.h5"), "references": Path("c.csv"), "output": OUT, "settings": TEXT},
    ),
    f"assess a --output out --frames= --people p --weights w {SETTINGS}": (
        files("a"),
        {"output": OUT, "frames": "", "people": Path("p"), "weights": "w", "settings": TEXT},
    ),
    "summarize a b c --output out": ((files("a", "b", "c"),), {"output": OUT}),
    "report m --output out --summary s --others --renders a b --videos --rectified --splats --metrics --heatmaps"
    f" --curves --benchmarks x y {SETTINGS}": (
        ("m",),
        {"output": OUT, "summary": Path("s"), "renders": files("a", "b"), "benchmarks": files("x", "y")}
        | {name: () for name in ("others", "videos", "rectified", "splats", "metrics", "heatmaps", "curves")}
        | {"settings": TEXT},
    ),
    f"results m --output out --metrics a b --renders --rectified --curves {SETTINGS}": (
        ("m",),
        {"output": OUT, "metrics": files("a", "b"), "renders": (), "rectified": (), "curves": (), "settings": TEXT},
    ),
    # By hand.
    "rectify a -o out --frames -3:": (files("a"), {"output": OUT, "frames": "-3:"}),
    "rectify a -oout --frames -3:-1": (files("a"), {"output": OUT, "frames": "-3:-1"}),
    "rectify a -o out --pairs 0,1 1,2 --pairs 2,3": (files("a"), {"output": OUT, "pairs": ("0,1", "1,2", "2,3")}),
    "rectify a -o b --settings x --output out --settings y": (files("a"), {"output": OUT, "settings": "y"}),
    "render a --source 0 1 --ratio .25": (files("a"), {"source": ("0", "1"), "ratio": 0.25}),
    "render a --source 0 1 --source b c": (files("a"), {"source": ("b", "c")}),
    "render a -o out --frame 7": (files("a"), {"output": OUT, "frame": "7"}),
    "captures --seed -1 -o out": ((), {"seed": -1, "output": OUT}),
    "import a -o out --camera-to-world --copy --scale 0.001": (
        files("a"),
        {"output": OUT, "camera_to_world": True, "copy": True, "scale": 0.001},
    ),
    "export a.ply -o out --as spz video": (files("a.ply"), {"output": OUT, "kinds": ("spz", "video")}),
    "curves -o out a b": ((files("a", "b"),), {"output": OUT}),
    "weights": ((), {}),
    "view a.ply --port 9090": (files("a.ply"), {"port": 9090}),
    "live a --source 0 1 --host 0.0.0.0 -o out": (
        files("a"),
        {"source": ("0", "1"), "host": "0.0.0.0", "output": OUT},
    ),
    "live --synthetic 3": ((), {"synthetic": 3}),
}


@pytest.mark.parametrize("line", LINES)
def test_what_is_read(line):
    call = parse(line)
    assert call.func is cli.COMMANDS[line.split()[0]]
    assert (call.args, call.keywords) == LINES[line]


def test_every_command_of_the_workflow_is_tried():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    called = set(re.findall(r"-m posegaussian[\s'\"]+(\w+)", rules))
    assert len(called) > 9
    assert called <= {line.split()[0] for line in LINES}


MISTAKES = {
    "": "no command; see posegaussian --help",
    "rectifi": 'unknown command "rectifi". Did you mean "rectify"? ',
    "--fast": 'unknown command "--fast". ',
    "rectify a": "rectify: parameter --output requires an argument; see posegaussian rectify --help",
    "rectify -o out": "rectify: parameter CAPTURE requires an argument; ",
    "rectify a -o": "rectify: parameter -o requires an argument; ",
    "rectify a -o out --setings x": "rectify: unknown option: --setings. Did you mean --settings? see ",
    "rectify a -o out b": "rectify: unused Tokens: ['b']; ",
    "rectify a -o out --frames": "rectify: parameter --frames requires an argument; ",
    "rectify a -o out --frames x": "frames 'x' is not START:STOP:STEP",
    "rectify --capture a -o out": "rectify: unknown option: --capture",
    "rectify a out": "rectify: parameter --output requires an argument; ",
    "rectify a -o out --empty-pairs": "rectify: unknown option: --empty-pairs",
    "rectify a -o out --pairs=0,1,": "rectify: invalid value for --pairs: a camera's name is missing in '0,1,'; ",
    "rectify a -o out --targets ''": "rectify: invalid value for --targets: a camera's name is missing in ''; ",
    "import a -o out --cameras b c,": "import: a camera's name is missing in 'c,'; ",
    "import a -o out --no-copy": "import: unknown option: --no-copy",
    "render a --stabilizer": "render: unknown option: --stabilizer",
    "render a --source 0": "render: parameter --source requires 2 positional arguments. Only got 1; ",
    "render a --ratio half": 'render: invalid value for --ratio: unable to convert "half" into float; ',
    "render a --frame 1.5": "frames '1.5' is not START:STOP:STEP",
    "captures -o out": "Exactly 1 of {--seed, --scan} must be specified; ",
    "captures -o out --seed 1 --scan a": "Exactly 1 of {--seed, --scan} must be specified; ",
    "captures -o out --seed 1.5": "captures: invalid value for --seed: '1.5' is not a whole number; ",
    "fetch moon -o out": 'fetch: invalid value "moon" for WHAT. Choose from: "pose2sim", "lpips"; ',
    "train half --state s -o out": 'train: invalid value "half" for PHASE. Choose from: "depth", "full"; ',
    "train full --init a b --state s -o out": "train: parameter --init accepts at most 1 element. Got 2; ",
    "train full --state s -o out --time-budget 0": 'train: invalid value "0.0" for --time-budget. Must be > 0; ',
    "contact-sheet -o out.png --size 1": 'contact-sheet: invalid value "1" for --size. Must be >= 2; ',
    "contact-sheet -o out.png --frames 0": 'contact-sheet: invalid value "0" for --frames. Must be >= 1; ',
    "export a -o out --as gif": 'export: invalid value "gif" for --as. Choose from: "spz", ',
    "export a -o out --as": "export: parameter --as requires at least 1 element. Got 0; ",
    "live --synthetic 1 --port 99999": 'live: invalid value "99999" for --port. Must be <= 65535; ',
    "view a.ply --port -1": 'view: invalid value "-1" for --port. Must be >= 0; ',
    "summarize -o out": "summarize: parameter METRICS requires an argument; ",
    "results m -o out --metrics": "results: parameter --metrics requires at least 1 element. Got 0; ",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line(line, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(shlex.split(line))
    out, error = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert error.startswith("posegaussian: error: ") and error.count("\n") == 1
    assert MISTAKES[line] in error


@pytest.fixture
def stage(monkeypatch):
    """Replace the module of a stage, which may take seconds to import; returns what its function was called with."""

    def replace(path):
        calls = []
        module, _, name = path.rpartition(".")
        function = {name: lambda *args, **options: calls.append((args, options))}
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**function))
        return calls

    return replace


def test_an_empty_selection_is_none(stage):
    calls = stage("posegaussian.pipeline.rectify.rectify_capture")
    cli.main(["rectify", "a", "-o", "out", "--pairs", "--frames=", "--targets", "--settings", "{size: [64, 32]}"])
    cli.main(["rectify", "a", "-o", "out", "--pairs", "0,1", "1,2", "--frames", "-3:"])
    (args, none), (_, some) = calls
    assert args[:2] == files("a", "out") and args[2].size == (64, 32)
    assert none == {
        "pairs": None,
        "frames": None,
        "held_out": (),
        "people": None,
        "number": 1,
        "offsets": {},
        "device": "auto",
    }
    assert some["pairs"] == [("0", "1"), ("1", "2")] and some["frames"].start == -3


def test_training_starts_from_weights_or_from_nothing(stage):
    calls = stage("posegaussian.training.trainer.train")
    for init in ([], ["--init"], ["--init="], ["--init", "release"]):
        cli.main(["train", "full", *init, "--state", "s", "-o", "out", "--settings", "{weights: train}"])
    found = [options["init"] for _, options in calls]
    assert found[:3] == [None] * 3 and found[3].suffix == ".safetensors"


@pytest.mark.parametrize(("flags", "stabilizer"), [([], True), (["--no-stabilizer"], False)])
def test_the_stabilizer_can_be_left_out(stage, flags, stabilizer):
    calls = stage("posegaussian.pipeline.render.render_capture")
    cli.main(["render", "a.h5", "-o", "out", *flags])
    assert calls[0][1]["stabilizer"] is stabilizer


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in cli.COMMANDS)], ids=" ".join)
def test_help(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    cli.main(words)
    page, error = capsys.readouterr()
    assert error == "" and "\x1b" not in page
    assert page.startswith(" ".join(["Usage: posegaussian", *words[:-1]]))
    assert max(map(len, page.splitlines())) <= 100
    if len(words) == 1:
        assert re.findall(r"^  (\w[\w-]*)", page, re.M) == list(cli.COMMANDS)


def test_lines_of_help_end_at_the_width_of_the_console():
    def printed(command):
        page = io.StringIO()
        cli.app.help_print([command], console=Console(file=page, width=82))
        return page.getvalue()

    assert "of which the lenses are used; without it, one focal length" in printed("calibrate")
    assert re.search(r"^ +mmpose: .*\n +blazepose: ", printed("heatmaps"), re.M), "lists keep their lines"


def test_every_parameter_has_help():
    for name in cli.COMMANDS:
        for argument in cli.app[name].assemble_argument_collection(parse_docstring=True):
            assert argument.parameter.help, f"{name}: {argument.name}"


def test_version(capsys):
    cli.main(["--version"])
    assert capsys.readouterr().out == f"{__version__}\n"


def test_a_cache_folder_that_cannot_be_written_is_named(stage, tmp_path, monkeypatch, capsys):
    stage("posegaussian.pipeline.summarize.summarize")
    (tmp_path / "file").touch()
    monkeypatch.setenv("POSEGAUSSIAN_CACHE", str(tmp_path / "file/cache"))
    cli.main(["summarize", "a", "-o", "out"])
    assert f"warning: {tmp_path}/file/cache: the cache folder cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("rectified .h5", "--source", "0 1"),
        ("rectified .h5", "--ratio", "0.5"),
        ("rectified .h5", "--frame", "0"),
        ("capture", "--heatmaps", "a.h5"),
        ("capture", "--no-stabilizer", ""),
    ],
)
def test_render_refuses_options_that_the_input_does_not_use(kind, option, value, tmp_path, capsys):
    path = tmp_path / "a"
    if kind == "capture":
        path.mkdir()
    else:
        path = path.with_suffix(".h5")
        path.touch()
    with helpers.exits(capsys, file=path, names=[option]):
        cli.main(["render", str(path), option, *value.split()])
