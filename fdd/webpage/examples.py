"""The demo's example videos: a drawn head and its three forgeries."""

import dataclasses
import pathlib

import ml_collections

from fdd.demo import DemoSpec, forgeries, write_tree
from fdd.demo.tree import forgery_path, original_path


def draw(demo: ml_collections.ConfigDict, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Draws the videos of the first person of a demo's test split.

    Args:
        demo: `config.data.demo` of a run.
        folder: The folder to draw to; it exists as long as the server.

    Returns:
        The files by their descriptions.
    """
    spec = dataclasses.replace(DemoSpec(**demo), train_pairs=0, val_pairs=0, test_pairs=1)
    write_tree(spec, folder, num_processes=1)
    target, source = spec.pairs()[0]
    forged = {
        "forged: identity swap": forgeries.IDENTITY_SWAP,
        "forged: flicker": forgeries.FLICKER,
        "forged: frames reordered": forgeries.REORDER,
    }
    paths = {name: forgery_path(folder, kind, target, source) for name, kind in forged.items()}
    return {"genuine": original_path(folder, target), **paths}
