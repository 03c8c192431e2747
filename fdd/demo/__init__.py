"""Drawn talking heads and three forgeries of them, in the layout of FaceForensics++.

They stand in for footage that may not be shipped: from the decoder to the report, they go through
the same code as real videos.
"""

from fdd.demo.tree import DemoSpec, is_marker, write_tree

__all__ = ["DemoSpec", "is_marker", "write_tree"]
