"""Errors of videos."""


class VideoError(Exception):
    """A video that cannot be used; the message is the reason, in one line.

    Attributes:
        condition: What is known of the file's state (`fdd.video.info.Condition`), or None.
    """

    condition = None


class IncompleteError(VideoError):
    """A file that is shorter than it declares, and of which nothing can be read."""


class DamagedError(VideoError):
    """A video with too few undamaged frames."""


class MisreadError(VideoError):
    """A file whose packets say something else than the decoder puts out.

    `fdd.video.survey.survey` then finds out which frames there are.
    """
