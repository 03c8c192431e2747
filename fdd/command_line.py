"""Command lines with --config=FILE --config.key=value: what is wrong ends in one line."""

import pathlib
import sys

from absl import flags
from ml_collections import config_flags

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"
"""The folder with the configs that come with fdd."""


def parse(argv: list[str], config: flags.FlagHolder) -> list[str]:
    """Parses a command line, or ends the program with one line.

    Args:
        argv: The program's name and its arguments.
        config: What `ml_collections.config_flags.DEFINE_config_file("config")` gave.

    Returns:
        What is no flag, the program's name first.
    """
    argv = _with_equals_sign(argv)
    for argument in argv[1:]:
        name, _, file = argument.partition("=")
        if name in ("--config", "-config") and not pathlib.Path(file.partition(":")[0]).is_file():
            sys.exit(f"fdd: there is no config file {file} (those of fdd are in {CONFIGS})")
    names = [argument.partition("=")[0].lstrip("-") for argument in argv[1:]]
    changed = [name for name in names if name.startswith("config.")]
    if changed and "config" not in names:
        sys.exit(f"fdd: --{changed[0]} changes a key of a config: --config=FILE is needed too")
    try:
        rest = flags.FLAGS(argv)
        _ = config.value and config.value.keys()  # A file that cannot be loaded shows here.
    except (KeyError, AttributeError) as error:
        if "'get_config'" in str(error):
            sys.exit("fdd: the config file defines no function get_config()")
        sys.exit(f"fdd: the config has no such key: {_one_line(error.args[0])}")
    except (flags.Error, OSError, TypeError, ValueError) as error:
        sys.exit(f"fdd: {_one_line(error)}")
    except Exception as error:  # Whatever the code of the file raises.
        reason = f"{type(error).__name__}: {_one_line(error)}"
        sys.exit(f"fdd: the config file cannot be loaded ({reason})")
    return rest


def _with_equals_sign(argv: list[str]) -> list[str]:
    """`--config FILE` as `--config=FILE`, which is what its overrides need."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] in ("--config", "-config") and not argument.startswith("-"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def overrides() -> dict[str, object]:
    """What `--config.key=value` set, by key."""
    return config_flags.get_override_values(flags.FLAGS["config"])


def config_name() -> str:
    """The name of the config's file, and its variant: 'resnet_lstm_face'."""
    file, _, variant = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")
    return pathlib.Path(file).stem + (f"_{variant}" if variant else "")


def _one_line(message: object) -> str:
    text = str(message).replace("\\n", " ").replace("\\", "")  # Some messages come quoted twice.
    text = " ".join(text.split())
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text
