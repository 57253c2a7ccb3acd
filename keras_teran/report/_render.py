"""An HTML report: one file that needs nothing beside it."""

from pathlib import Path


def render(template, **fields):
    """Fill in a template of a report.

    The page holds its styles, loads nothing and runs no script. All text is escaped. A
    half surrogate pair, as in a file name that is no text, is shown as `\\udce9`.

    Args:
        template: pathlib.Path, a Jinja template that extends `report.html` and fills
            its block `body`; `parts.html` has the macros for it. The filter `thousands`
            writes 1234 as 1,234.
        **fields: what the template names. `title` is a str and `summary` a list of str,
            the paragraphs below it.

    Returns:
        str: the page.

    Raises:
        jinja2.UndefinedError: the template names a field that is not given.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["thousands"] = "{:,}".format
    page = environment.get_template(template.name).render(fields)
    return page.encode("utf-8", "backslashreplace").decode("utf-8")
