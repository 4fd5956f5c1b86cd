from __future__ import annotations

import re

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.notebooks.running import FOLDER, LIVE, NOTEBOOKS, code_of, run

PRIVATE = re.compile(r"/(tmp|work|root|home|Users|private|var)/|[A-Z]:\\|site-packages|ipykernel_")
LARGEST = 300_000
WITHOUT_PICTURES = ("07-your-account",)
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def kinds(notebook):
    """What each cell shows: streams by name, all else by its mime types."""
    return [
        [
            sorted(output.get("data", {})) or f"{output.output_type} {output.get('name', '')}"
            for output in cell.outputs
        ]
        for cell in code_of(notebook)
    ]


def words(notebook):
    """All text that is shown, without the pictures."""
    for cell in code_of(notebook):
        for output in cell.outputs:
            yield output.get("text", "")
            yield from (str(v) for k, v in output.get("data", {}).items() if k != "image/png")


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 4
    assert all(re.fullmatch(r"\d\d-[a-z-]+", path.stem) for path in NOTEBOOKS)


@each
def test_what_is_kept_was_made_in_one_run_from_top_to_bottom(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_of(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(map(bool, kinds(notebook))) > len(cells) / 2, "outputs are missing"


@each
def test_what_is_kept_reads_without_a_kernel(path):
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert not any(cell.metadata for cell in notebook.cells), "something is hidden or was timed"
    for cell in code_of(notebook):
        for output in cell.outputs:
            assert output.output_type in ("execute_result", "display_data", "stream"), cell.source
            assert output.get("name") != "stderr", cell.source
            assert LIVE not in output.get("data", {}), cell.source
            assert len(str(output)) < LARGEST, cell.source
    has_picture = any("image/png" in str(shown) for shown in kinds(notebook))
    assert has_picture != (path.stem in WITHOUT_PICTURES)


@each
def test_what_is_kept_tells_nothing_of_the_machine(path):
    notebook = nbformat.read(path, as_version=4)
    assert [text for text in words(notebook) if PRIVATE.search(text)] == []


@each
def test_pictures_of_the_docs_are_there(path):
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", text):
        assert (FOLDER / target).is_file(), target


@each
def test_it_runs_offline_and_shows_what_is_kept(path, tmp_path):
    again = run(path, tmp_path)
    assert kinds(again) == kinds(nbformat.read(path, as_version=4))
    assert not list(tmp_path.iterdir()), "it wrote beside itself"


def test_offline_is_offline(tmp_path):
    cell = nbformat.v4.new_code_cell(
        "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    )
    path = tmp_path / "asks.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    with pytest.raises(CellExecutionError, match="beyond this computer"):
        run(path, tmp_path)
