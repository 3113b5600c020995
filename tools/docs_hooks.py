"""What mkdocs.yml adds to the pages: the help of every command, as its parser prints it."""

import argparse
import os
import re

from posegaussian import cli


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace `{{ commands }}`, and links out of docs/ by links that hold on the site."""
    if "{{ commands }}" in markdown:
        markdown = markdown.replace("{{ commands }}", _commands())
    return re.sub(r"\]\(\.\./(?:config/README\.md)\)", "](reference/configuration.md)", markdown)


def _commands() -> str:
    os.environ["COLUMNS"] = "100"
    parser = cli._parser()
    (stages,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return "\n".join(f"## `{name}`\n\n```text\n{stage.format_help()}```\n" for name, stage in stages.choices.items())
