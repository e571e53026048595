"""The engine process: requests over a local socket → answers by the models in its memory."""
