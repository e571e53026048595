"""Phrases that have no place in a row to learn from: an assistant's stock phrases, text that was to be filled in, fillers of empty cells."""

from __future__ import annotations

import re

BOILERPLATE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language model|language model|ai[- ]powered|machine learning model|virtual assistant|chat ?bot)\b"
    r"|\b(?:i am|i['’]m) (?:only |just |merely )?an? (?:ai|artificial intelligence)(?: language)? (?:model|assistant|chatbot|program)|\bi (?:am|was) (?:a (?:large )?language model|trained by openai|developed by openai)"
    r"|\A\s*(?:sure|certainly|of course|absolutely)(?: thing)?[!,.:]+ here(?: is|['’]s) (?:the|your|my|an|a possible) (?:answer|response|reply|solution)\b"
    r"|\bmy (?:knowledge|training)(?: data)?(?: has a)? cut[- ]?off|\bas of my last (?:knowledge )?(?:update|training)"
    r"|\bals (?:eine? )?(?:ki\b|ki-|sprachmodell|künstliche intelligenz|großes sprachmodell)|\bich bin (?:nur )?(?:eine? )?(?:ki\b|ki-|sprachmodell)"
    r"|\ben tant qu(?:e modèle (?:de langage|linguistique)|['’](?:ia\b|intelligence artificielle|assistant (?:ia|virtuel)))"
    r"|\bcomo (?:un |una |uma |um )?(?:modelo de (?:lenguaje|linguagem|ia\b)|inteligencia artificial|inteligência artificial|ia\b|asistente (?:de ia|virtual)|assistente (?:de ia|virtual))"
    r"|\b(?:come|in quanto) (?:un['’]? ?)?(?:modello linguistico|modello di linguaggio|ia\b|intelligenza artificiale|assistente virtuale)"
    r"|\bals (?:een )?(?:ai-?(?:taal)?model|taalmodel|ai-assistent|kunstmatige intelligentie)"
    r"|\bjako (?:model językowy|sztuczna inteligencja|asystent ai|si\b|ai\b|jazykový model|umělá inteligence)"
    r"|\bsom (?:en |ett )?(?:ai[- ]?(?:språkmodell|assistent|modell)|språkmodell|stor språkmodell|kunstig intelligens)|\btekoälynä\b|\bkielimallina\b"
    r"|\bкак (?:языковая модель|искусственный интеллект|ии\b|большая языковая модель|нейросеть)|\bя (?:всего лишь |просто )?(?:языковая модель|искусственный интеллект)|\bяк мовна модель"
    r"|作为(?:一个|一名|一种)?(?:人工智能|ai|大?型?语言模型)|身為(?:一個)?(?:人工智慧|ai|語言模型)|(?:ai|言語モデル|人工知能)(?:アシスタント)?として|ai\s?(?:언어\s?모델|어시스턴트)(?:로서|입니다)|언어 모델로서|인공지능으로서"
    r"|\bbir (?:yapay zek[aâ]|dil modeli)(?:\s\w+){0,3} olarak|एक (?:एआई|ai) (?:भाषा )?मॉडल|(?:كنموذج|بصفتي نموذج|باعتباري نموذج)(?:\sلغوي)?|là một mô hình ngôn ngữ|sebagai (?:model bahasa|ai\b)",
    re.IGNORECASE,
)
BOILERPLATE_MARKS = (
    "language model", " ai", "artificial", "virtual assistant", "chatbot", "chat bot", "by openai", "cutoff", "cut-off", "cut off", "my last", "machine learning model", "sprachmodell", " ki-", " ki ",
    "here is", "here's", "here’s", "ki-", "en tant que ", "en tant qu'", "modelo de ", "inteligencia", "como ia", "asistente", "assistente", "modello ", "intelligenza", "come ia", "taalmodel", "kunstmatige", "model bahasa", "jako si",
)  # fmt: skip
"""One of them stands in every text with such a phrase; cheap to look for."""
OTHER_BOILERPLATE_MARKS = (
    "künstliche", "en tant qu’", "modèle", "inteligência", "język", "sztuczn", "jazykový", "umělá", "språkmodell", "kunstig", "tekoäly", "kielimalli", "языковая", "искусств", "нейросеть", "как ии", "мовна",
    "人工", "ai", "语言模型", "語言模型", "型语言", "言語モデル", "언어", "인공지능", "yapay zek", "dil modeli", "मॉडल", "نموذج", "mô hình",
)  # fmt: skip
"""The same for texts with other letters than ASCII."""
ABOUT_AI = re.compile(
    r"\b(?:ai|a\.i\.|robot|bot|chat ?bot|human|chatgpt|gpt|llms?|language model|artificial intelligence|assistant|virtual|ki|ia|ии|who are you|what are you)\b|人工智能|あなたは|你是|künstliche intelligenz|intelligence artificielle|inteligencia artificial",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(
    r"\blorem ipsum\b|\[(?:insert|your|enter|add|fill|please|type|company|client|customer|recipient|sender|product|brand) ?[^\]\[\n]{0,40}\]|\[(?:name|date|xxx+|placeholder|address|city|phone|email|amount|todo|tbd|link|url|number|\.\.\.|…|_+)\](?!\()"
    r"|\[(?:hier|name|ihr|dein|firma|datum|nombre|su |tu |fecha|empresa|insertar|votre|nom|insérer|entreprise|seu |sua |inserir|inserire|nome|uw |naam|wstaw|imię)\b[^\]\[\n]{0,30}\](?!\()"
    r"|<(?:your|insert|enter|add)[ _-][^<>\n]{1,40}>|<(?:answer|response|output|placeholder)>|\{\{ ?[\w.]{1,40} ?\}\}|(?<![\w-])(?:TODO|FIXME|TBD)(?![\w-])|\basdf(?:gh|jkl|asdf)?\b|\bqwerty?uiop\b|\bblah blah\b",
    re.IGNORECASE,
)
PLACEHOLDER_MARKS = (
    "lorem",
    "[",
    "{{",
    "<your",
    "<insert",
    "<enter",
    "<add",
    "<answer",
    "<response",
    "<output",
    "<placeholder",
    "todo",
    "fixme",
    "tbd",
    "asdf",
    "uiop",
    "blah blah",
)
SHOUTED = re.compile(r"todo|fixme|tbd", re.IGNORECASE)
"""Count in capitals only: a to-do list is a list."""
FILLERS = frozenset(
    [
        "n/a",
        "na",
        "n.a.",
        "n.a",
        "#n/a",
        "null",
        "nil",
        "nan",
        "undefined",
        "(empty)",
        "empty",
        "(blank)",
        "blank",
        "[blank]",
        "[empty]",
        "(none)",
        "[none]",
        "no answer",
        "no response",
        "no output",
        "<nooutput>",
        "nooutput",
        "<noinput>",
        "[deleted]",
        "[removed]",
        "todo",
        "tbd",
        "xxx",
        "xxxx",
        "test",
        "asdf",
        "keine angabe",
        "k.a.",
        "k. a.",
        "leer",
        "sin respuesta",
        "vacío",
        "sans réponse",
        "vide",
        "sem resposta",
        "vazio",
        "nessuna risposta",
        "vuoto",
        "geen antwoord",
        "leeg",
        "brak",
        "brak odpowiedzi",
        "нет ответа",
        "пусто",
        "无",
        "空",
        "なし",
        "없음",
    ]
)
FILLER_SIGNS = frozenset("-–—_.…?~* \t\n")
ABOUT_MARKUP = re.compile(
    r"html|xml|\bcss\b|\btags?\b|element|javascript|\bjsx\b|react|\bsvg\b|web ?page|web ?site|markup|\bdom\b|templat|browser|scrap|escap|entit|\bjsp\b|\bphp\b|vue|angular|markdown|newline",
    re.IGNORECASE,
)
NEVER_LAST = frozenset(
    [
        "the",
        "and",
        "or",
        "whose",
        "their",
        "our",
        "than",
        "via",
        "per",
        "if",
        "unless",
        "although",
        "whereas",
        "including",
        "especially",
        "und",
        "oder",
        "eine",
        "einen",
        "einem",
        "einer",
        "dem",
        "des",
        "zum",
        "zur",
        "weil",
        "dass",
        "sowie",
        "beim",
        "vom",
        "et",
        "ou",
        "une",
        "les",
        "cette",
        "una",
        "cuyo",
        "pero",
        "porque",
        "gli",
        "della",
        "delle",
        "degli",
        "dello",
        "nel",
        "nella",
        "che",
        "perché",
        "uma",
        "het",
        "een",
        "oraz",
        "lub",
        "że",
        "który",
        "och",
        "eller",
        "og",
        "att",
        "и",
        "или",
        "который",
        "потому",
        "для",
    ]
)
"""Words that end no sentence."""
SELDOM_LAST = frozenset((
    "a", "be", "is", "are", "was", "were", "been", "has", "have", "had", "will", "would", "could", "should", "must", "may", "might", "of",
    "to", "in", "on", "at", "for", "with", "from", "by", "about", "into", "as", "this", "these", "those", "my", "your", "his", "its",
    "which", "who", "when", "where", "because", "so", "but", "der", "die", "das", "den", "im", "für", "von", "als", "wenn",
    "aber", "ist", "sind", "le", "la", "de", "du", "un", "aux", "pour", "avec", "dans", "sur", "que", "qui", "est", "sont", "el", "los", "las",
    "del", "con", "por", "para", "su", "es", "il", "di", "per", "è", "sono", "o", "do", "da", "em", "com", "é", "van", "voor", "met", "naar", "dat",
    "w", "z", "na", "jest", "nie", "в", "на", "с", "что", "это",
))  # fmt: skip
"""Words that end a sentence now and then, without a full stop behind them hardly ever: where the other answers have one, something is missing."""
