"""What is wrong with a video."""


class VideoError(Exception):
    """A video that cannot be used; the message is the reason, in one line.

    Attributes:
        condition: What is known of the file's state (`fdd.video.timeline.Condition`), or None.
    """

    condition = None


class IncompleteError(VideoError):
    """A file that ends before it says it does, so early that nothing can be read."""


class DamagedError(VideoError):
    """A video of which too few frames are whole."""


class MisreadError(VideoError):
    """What a file's packets say is not what comes out of the decoder.

    `fdd.video.timeline.survey` then tells what does.
    """
