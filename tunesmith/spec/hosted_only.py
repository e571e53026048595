"""Fields of OpenAI's API that only a hosted service can honour → why they change nothing here. The one list of what is accepted without effect.

Each reply names those of its request in the header `x-tunesmith-ignored`. Whatever is neither honoured nor listed here is refused.
"""

from __future__ import annotations

EVERYWHERE = {
    "user": "told a hosted service whom a request is for; nothing is shared between users here",
    "safety_identifier": "for a hosted service's abuse detection",
    "service_tier": "there is one tier: this machine",
    "prompt_cache_key": "prefixes are cached per key by content, without hints",
    "prompt_cache_options": "prefixes are cached per key by content, without hints",
    "prompt_cache_retention": "prefixes are cached while there is memory",
}
CHAT = {
    **EVERYWHERE,
    "reasoning_effort": "small models have no setting for how long they think",
    "verbosity": "small models have no setting for how much they say",
    "prediction": "speeds a hosted service up; the answer is the same without",
    "web_search_options": "nothing here reaches the web",
}
COMPLETIONS = {"user": EVERYWHERE["user"]}
EMBEDDINGS = {"user": EVERYWHERE["user"]}
RESPONSES = {
    **EVERYWHERE,
    "reasoning": "small models have no setting for how long they think",
    "max_tool_calls": "counts calls of built-in tools, of which there are none",
}
INSIDE = {
    "metadata": "belongs to a stored completion; without `store` nothing keeps it",
    "response_format.json_schema.description": "the schema itself constrains the answer",
    "text.format.description": "the schema itself constrains the answer",
    "text.verbosity": CHAT["verbosity"],
}
"""Fields inside others, or without effect only sometimes."""
