"""The hook of mkdocs.yml: the help of every command, as the command prints it, in docs/reference/commands.md."""

import io

from rich.console import Console

from posegaussian import cli

WIDTH = 82
"""Characters per line of help: a code block of the site shows 83 in a window of 1280 px (counted in a screenshot)."""


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page, with the help of all commands in the place of `{{ commands }}`."""
    return markdown.replace("{{ commands }}", _commands()) if "{{ commands }}" in markdown else markdown


def _commands() -> str:
    return "\n".join(f"## `{name}`\n\n```text\n{_help(name)}\n```\n" for name in cli.COMMANDS)


def _help(command: str) -> str:
    page = io.StringIO()
    cli.app.help_print([command], console=Console(file=page, width=WIDTH, color_system=None))
    return "\n".join(line.rstrip() for line in page.getvalue().strip().splitlines())
