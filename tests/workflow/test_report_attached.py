"""`snakemake --report` carries the models' pages."""

import base64
import re

import pytest


@pytest.mark.slow
def test_the_page_is_in_snakemakes_report(done):
    page = done.folder / "results/report/demo/index.html"
    page.write_text("<!DOCTYPE html><title>the page of demo</title>")
    touched = done.run("--touch", "--forceall")
    assert touched.returncode == 0, touched.stdout
    ran = done.run("--report", "whole.html")
    assert ran.returncode == 0, ran.stdout
    whole = (done.folder / "whole.html").read_text()
    assert "results/report/demo/index.html" in whole
    assert base64.b64encode(page.read_bytes()).decode() in whole
    assert not re.search(r'<(script|link)[^>]+(src|href)="https?://', whole)
