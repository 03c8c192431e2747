"""How every page and picture is written."""
