"""The documentation: every command in it works, and the site builds.

Commands are the lines of `sh` blocks, and the code in running text that starts with one of our programs. Each is handed
to the parser that would read it: that of posegaussian, of Snakemake (`slow`: it then plans the run), of make, of pip's
requirements, of bash. A block that cannot be tried here says why, in a comment above it: `<!-- not run: why -->`; its
test is skipped with that reason. A command that none of these knows fails.
"""

import contextlib
import io
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from snakemake.cli import get_argument_parser, parse_args

from posegaussian import cli

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), ROOT / "config/README.md"]
PAGES += [ROOT / "benchmarks/README.md"]
BLOCK = re.compile(r"(?:^<!-- not run: (?P<why>.*?) -->\n)?^ *```sh\n(?P<lines>.*?)^ *```", re.M | re.S)
INLINE = re.compile(
    r"`((?:\w+=[^`\s]+ )*"
    r"(?:(?:\.venv/bin/[\w-]+|make|snakemake|posegaussian|pytest|bash|python -m) |python (?:benchmarks|tools)/)[^`]+)`"
)


@dataclass(frozen=True)
class Command:
    """A command line and where it stands."""

    page: str
    text: str
    why_not: str | None = None

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"

    @property
    def words(self) -> list[str]:
        """The words after assignments, the program without its folder."""
        words = shlex.split(self.text, comments=True)
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        words[0] = words[0].removeprefix(".venv/bin/")
        return words


def _whole(lines: str) -> list[str]:
    """The commands of a block; one goes on after a backslash, and until its quotes are closed."""
    found, line = [], ""
    for piece in lines.replace("\\\n", " ").splitlines():
        line = f"{line} {piece}".strip()
        with contextlib.suppress(ValueError):
            if shlex.split(line, comments=True):
                found.append(line)
            line = ""
    return found


def commands() -> list[Command]:
    found = []
    for path in PAGES:
        page, text = str(path.relative_to(ROOT)), path.read_text()
        for block in BLOCK.finditer(text):
            found += [Command(page, line, block["why"]) for line in _whole(block["lines"])]
        outside = re.sub(r"```.*?```", "", text, flags=re.S)
        found += [Command(page, match[1]) for match in INLINE.finditer(outside) if "..." not in match[1]]
    return sorted(set(found), key=str)


COMMANDS = commands()


def by_program(*programs: str):
    chosen = [command for command in COMMANDS if command.words[0] in programs]
    return pytest.mark.parametrize("command", chosen, ids=str)


KNOWN = ("posegaussian", "snakemake", "make", "pip", "pytest", "python", "bash", "pre-commit", "docker")


@pytest.fixture(autouse=True)
def not_run(request):
    command = request.node.callspec.params.get("command") if hasattr(request.node, "callspec") else None
    if command is not None and command.why_not:
        pytest.skip(f"{command}: {command.why_not}")


def test_commands_are_found_and_known():
    assert len(COMMANDS) > 30
    assert {command.words[0] for command in COMMANDS} <= set(KNOWN)


@by_program("posegaussian")
def test_our_own_parser(command):
    arguments = command.words[1:]
    if arguments in (["--help"], []):
        return
    cli.parse(arguments)


@by_program("snakemake")
def test_snakemake_parser(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            _, args = parse_args(command.words[1:])
    except SystemExit:
        pytest.fail(said.getvalue().splitlines()[-1])
    assert get_argument_parser() is not None
    assert all(not target.startswith("-") for target in args.targets)


@pytest.mark.slow
@by_program("snakemake")
def test_snakemake_plans_it(command, tmp_path, done, conda):
    """A dry run in a folder that pretends to have run; rules and profiles must be there."""
    words = [str(ROOT / word) if word.startswith(("profiles/", "config/")) else word for word in command.words[1:]]
    words = [word for word in words if word not in ("--dry-run", "-n")]
    words = [str(ROOT / "config/test.yaml") if word == "FILE" else word for word in words]
    words = [
        word.replace("CAPTURE", done.sheet[-1][0]).replace("MODEL", next(iter(done.config["models"]))) for word in words
    ]
    (done.folder / "tests").symlink_to(ROOT / "tests")  # captures of the repository's own configurations
    if "mmpose_env" in words:
        done.config["mmpose_env"] = str(tmp_path / "env")
        done.save()
    cores = [] if {"--cores", "--workflow-profile"} & set(words) else ["--cores", "1"]
    base = [word for word in done.command if word not in ("--cores", "2")]
    plan = subprocess.run(
        [*base, "--dry-run", *cores, *words], cwd=done.folder, capture_output=True, text=True, check=False
    )
    assert plan.returncode == 0, plan.stderr[-3000:]


@by_program("make")
def test_make_knows_the_target(command):
    done = subprocess.run(
        ["make", "--dry-run", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@by_program("pip")
def test_pip_requirements(command):
    action, *words = command.words[1:]
    assert action in ("install", "freeze")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in words:
        if word.startswith("-"):
            assert word in ("--editable", "-e", "--upgrade", "--requirement", "-r")
        elif match := re.fullmatch(r"\.(?:\[(.*)\])?", word):
            assert set((match[1] or "").split(",")) - {""} <= set(extras)
        elif not (ROOT / word).exists():
            Requirement(word)


@by_program("pytest")
def test_pytest_finds_the_tests(command):
    for word in command.words[1:]:
        if not word.startswith("-") and "/" in word:
            assert (ROOT / word.split("::")[0]).exists(), word


@by_program("python", "bash")
def test_scripts_are_there_and_know_their_options(command):
    script, *arguments = command.words[1:]
    if script == "-m":
        module, *arguments = arguments
        if module == "posegaussian":
            return cli.parse(arguments) and None
        assert module == "pytest", module
        return None
    if script.startswith("-"):
        return None
    path = ROOT / script
    assert path.is_file(), script
    text = path.read_text() + (ROOT / "benchmarks/harness.py").read_text()
    for word in arguments:
        if word.startswith("--"):
            assert f'"{word.split("=")[0]}"' in text, word
    return None


@by_program("docker")
def test_docker(command):
    pytest.fail("no engine can be asked here: say so above the block")


@by_program("pre-commit")
def test_pre_commit_knows_the_command(command):
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", *command.words[1:], "--help"], capture_output=True, check=False
    )
    assert done.returncode == 0


def test_pages_link_to_what_is_there():
    for path in PAGES:
        text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if not re.match(r"https?:|mailto:", target):
                assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


@pytest.mark.slow
def test_the_site_builds(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "posegaussian.splatting.api.rasterize" in (tmp_path / "reference/library.html").read_text()
    assert "--ratio" in (tmp_path / "reference/commands.html").read_text()
    assert "learning_rate" in (tmp_path / "reference/configuration.html").read_text()
