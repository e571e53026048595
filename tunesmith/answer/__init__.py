"""From a question to tokens: the only path, shared by evaluation and chat."""
