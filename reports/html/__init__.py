"""The matrix as one HTML page."""
