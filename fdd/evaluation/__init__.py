"""From scores to metrics, intervals, calibration and controls."""
