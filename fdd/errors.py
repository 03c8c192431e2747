"""The exception that ends a command with one line instead of a traceback."""


class UserError(Exception):
    """Something the user can put right; its message says what is wrong and what to do."""
