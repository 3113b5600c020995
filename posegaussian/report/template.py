"""Templates of the HTML pages: undefined names are errors, text is escaped, images become data URIs."""

from collections.abc import Callable

import jinja2

from posegaussian.report.images import image_uri, photo_uri


def template(name: str, **filters: Callable) -> jinja2.Template:
    """The template of that file name in this folder, with further filters."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("posegaussian.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"uri": image_uri, "photo": photo_uri, **filters}
    return environment.get_template(name)
