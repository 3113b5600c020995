"""What the subcommands share."""

import argparse
from pathlib import Path


def stage(stages, name: str, run, summary: str) -> argparse.ArgumentParser:
    """A new subcommand; `run` takes the parsed arguments."""
    parser = stages.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser


def output(parser: argparse.ArgumentParser, what: str) -> None:
    """The argument --output."""
    parser.add_argument("-o", "--output", type=Path, required=True, help=what)


def settings(parser: argparse.ArgumentParser) -> None:
    """The argument --settings."""
    parser.add_argument("--settings", metavar="YAML", help="settings of the stage: YAML or JSON text, or a file")


def device(parser: argparse.ArgumentParser) -> None:
    """The argument --device."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
