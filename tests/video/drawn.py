"""A drawn face that YuNet finds."""

import cv2
import numpy as np

LANDMARKS = np.array([[78, 82], [114, 82], [92, 106], [80, 126], [112, 126]], float)
"""Where `drawn_face` has them."""


def drawn_face():
    """A face of 120 pixels in a picture of 192."""
    image = np.full((192, 192, 3), 200, np.uint8)
    cv2.ellipse(image, (96, 96), (45, 60), 0, 0, 360, (224, 172, 130), -1, cv2.LINE_AA)
    for x in (78, 114):
        cv2.ellipse(image, (x, 82), (9, 5), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 82), 4, (40, 30, 20), -1, cv2.LINE_AA)
        cv2.ellipse(image, (x, 70), (12, 3), 0, 180, 360, (60, 40, 30), 2, cv2.LINE_AA)
    cv2.line(image, (96, 88), (92, 106), (170, 120, 90), 2, cv2.LINE_AA)
    cv2.ellipse(image, (96, 124), (18, 7), 0, 0, 180, (150, 50, 60), -1, cv2.LINE_AA)
    return image
