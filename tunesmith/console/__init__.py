"""The public door: keys, OpenAI's API over HTTP, and the two processes that train and answer."""
