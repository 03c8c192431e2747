"""From one video to an answer."""
