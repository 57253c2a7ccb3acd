"""What every report has, whatever its template shows."""

import re

import jinja2
import pytest

from keras_teran.report import render

BODY = """{% extends "report.html" %}
{% from "parts.html" import section, table %}
{% block body %}
{% call section(heading) %}{{ table([heading], [[1234 | thousands]], "words") }}{% endcall %}
{% endblock %}
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "of_mine.html"
    path.write_text(BODY)
    return path


def test_a_page_holds_its_styles_and_loads_nothing(template):
    page = render(template, title="A", summary=[], heading="B")
    assert "--accent" in page and "prefers-color-scheme: dark" in page
    assert not re.search(r"url\(|@import|https?:|src=|href=|<script|<link", page)


def test_text_is_escaped_in_the_page_and_within_its_parts(template):
    page = render(template, title="<i>&", summary=["<b>"], heading="<u>")
    assert page.count("&lt;i&gt;&amp;") == 2  # in the title and at the top
    assert page.count("&lt;b&gt;") == 1 and page.count("&lt;u&gt;") == 2
    assert "<td>1,234</td>" in page


def test_a_file_name_that_is_no_text_is_shown(template):
    page = render(template, title="caf\udce9.jpg", summary=[], heading="")
    assert "<h1>caf\\udce9.jpg</h1>" in page


def test_a_field_that_is_not_given_is_an_error(template):
    with pytest.raises(jinja2.UndefinedError, match="'heading' is undefined"):
        render(template, title="A", summary=[])
