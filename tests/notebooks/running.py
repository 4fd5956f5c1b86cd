"""Run a notebook from a clean kernel, and leave in it what reads well without one."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LIVE = "application/vnd.jupyter.widget-view+json"
OFFLINE = Path(__file__).parent / "offline"


def run(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Run a notebook in a folder, with the way to the network shut; raises what its cells raise."""
    notebook = nbformat.read(path, as_version=4)
    for cell in code_of(notebook):
        cell.outputs, cell.execution_count = [], None
    with patch.dict(os.environ, PYTHONPATH=str(OFFLINE)):
        NotebookClient(
            notebook,
            timeout=100,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            record_timing=False,
            store_widget_state=False,
        ).execute()
    return tidied(notebook)


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leave out what means something to a running kernel only: live widgets and its versions."""
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(LIVE, None)
    return notebook


def code_of(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
