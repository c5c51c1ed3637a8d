"""The Gymnasium environments, and what their observations and rewards mean."""
