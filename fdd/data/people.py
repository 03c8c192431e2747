"""Who is in a video, by the ids that its builder gives."""

import re

from fdd.data.builders import faceforensics

_CELEBRITY = re.compile(r"(id\d+)_\d+")


def person(builder: str, identity: str) -> str:
    """The person behind a target's or a source's id.

    Args:
        builder: Name of the data set's builder.
        identity: `Video.target` or `Video.source`.

    Returns:
        In FaceForensics++ a sequence's id, or 'actor 07' for all scenes of an actor; in Celeb-DF a
        celebrity ('id3') in whichever video; elsewhere the id itself: a folder's group, or in DFDC
        the original video if no person is named. '' for ''.
    """
    if builder == "faceforensics" and identity:
        (name,) = faceforensics.people(identity, "")
        return name
    if builder == "celeb_df" and (celebrity := _CELEBRITY.fullmatch(identity)):
        return celebrity[1]
    return identity
