"""A text → where personal data and secrets stand in it, and the same text without them."""
