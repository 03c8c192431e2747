"""How pages and pictures are written."""
