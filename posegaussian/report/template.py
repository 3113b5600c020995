"""The pages' templates: strict, escaped, with pictures as data."""

from collections.abc import Callable

import jinja2

from posegaussian.report.pictures import picture_uri


def template(name: str, **filters: Callable) -> jinja2.Template:
    """A template of this folder, with further filters."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("posegaussian.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"uri": picture_uri, **filters}
    return environment.get_template(name)
