"""A text → names of people and places as well, where the optional package presidio-analyzer and a language model of spaCy are installed.

Names have no check digits: what is found is a model's guess, and it costs milliseconds a row. That is why nothing here runs unless it is asked for.
"""

from __future__ import annotations

from typing import Any

from tunesmith.data.personal.kinds import Span
from tunesmith.data.personal.spans import PLACEHOLDER, spans, without_overlaps
from tunesmith.errors import MissingDependency

ENTITIES = {"PERSON": "person", "LOCATION": "location"}
MODELS = {"en": "en_core_web_sm", "zh": "zh_core_web_sm"} | {
    code: f"{code}_core_news_sm"
    for code in ("ca", "da", "de", "el", "es", "fi", "fr", "hr", "it", "ja", "ko", "lt", "mk", "nb", "nl", "pl", "pt", "ro", "ru", "sl", "sv", "uk")
}
"""Language → the smallest model of spaCy that knows names in it."""
LEAST_SCORE = 0.6


class Names:
    """Finds what `spans` finds, and names. Building it loads a language model.

    Raises: MissingDependency.
    """

    def __init__(self, language: str = "en", model: str | None = None) -> None:
        self.language = language
        self._engine = _engine(language, model or MODELS.get(language, f"{language}_core_news_sm"))

    def __call__(self, text: str) -> list[Span]:
        """Personal data, secrets and names, sorted by place, none over another; what can be checked goes before a guess."""
        sure = spans(text)
        results = self._engine.analyze(text=text, language=self.language, entities=list(ENTITIES), score_threshold=LEAST_SCORE)
        guesses = [Span(ENTITIES[r.entity_type], r.start, r.end) for r in results if r.entity_type in ENTITIES]
        kept = [m.span() for m in PLACEHOLDER.finditer(text)] + [(span.start, span.end) for span in sure]
        free = [g for g in guesses if not any(g.start < end and start < g.end for start, end in kept)]
        return sorted([*sure, *without_overlaps(free)], key=lambda span: span.start)


def _engine(language: str, model: str) -> Any:
    """Presidio's engine with a language model that is installed; nothing is fetched.

    Raises: MissingDependency.
    """
    try:
        import spacy.util
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider
    except ImportError as error:
        raise MissingDependency(
            "names are found with presidio-analyzer",
            where="presidio",
            got="not installed",
            expected="presidio-analyzer",
            fix="pip install 'tunesmith[presidio]'",
        ) from error
    if not spacy.util.is_package(model):
        raise MissingDependency(
            f"the language model {model} is not installed",
            where="presidio",
            got=f"language {language}",
            expected=model,
            fix=f"python -m spacy download {model}",
        )
    configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": language, "model_name": model}]}
    engine = NlpEngineProvider(nlp_configuration=configuration).create_engine()
    return AnalyzerEngine(nlp_engine=engine, supported_languages=[language])
