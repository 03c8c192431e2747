"""Drawn talking heads and three forgeries of them, in the layout of FaceForensics++.

They replace footage that may not be distributed: they go through the same code as real videos, from
the decoder to the report.
"""

from fdd.demo.tree import DemoSpec, write_tree

__all__ = ["DemoSpec", "write_tree"]
