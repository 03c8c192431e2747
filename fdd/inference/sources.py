"""Where a detector comes from: a run, or weights that others published."""

import dataclasses
import functools
import os
import pathlib
from typing import Any

import ml_collections

from fdd.inference.source import Source, Weights
from fdd.runs import workdir
from fdd.system import home

_HUB = "hf:"


def find(place: str | os.PathLike[str]) -> Source:
    """What a detector is loaded from.

    Args:
        place: The workdir of a run; or a folder with published weights, or their name on the
            Hugging Face hub, hf://OWNER/NAME (`fdd.inference.published`).

    Raises:
        UserError: there is nothing of the kind.
    """
    name = os.fspath(place)
    is_run = not name.startswith(_HUB) and (home.expanded(name) / workdir.CHECKPOINTS_DIR).is_dir()
    if not is_run:
        from fdd.inference import published  # Late: it imports JAX, which a run's config need not.

        if found := published.find(name):
            return found
    return Run(home.expanded(name))


@dataclasses.dataclass(frozen=True)
class Run:
    """The best checkpoint of a run.

    Attributes:
        folder: Its workdir.
    """

    folder: pathlib.Path

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.absolute().name

    @property
    def reports(self) -> pathlib.Path:
        """A folder in it."""
        return self.folder / workdir.EVALUATIONS_DIR

    @functools.cached_property
    def config(self) -> ml_collections.ConfigDict:
        """The run's."""
        return workdir.stored_config(self.folder)

    def weights(self, task: Any, devices: Any) -> Weights:
        """See `Source`."""
        from fdd.inference import checkpoint  # Late: it imports JAX.
        from fdd.runs import trained

        with trained.opened(self.folder) as checkpoints:
            return checkpoint.best(self.config, checkpoints, self.folder, devices)
