"""GGUF vocabulary → tokenizer.json and tokenizer_config.json in transformers' layout.

Two families: byte-level BPE (`gpt2`: SmolLM, Qwen, Llama 3), where the file names the rule that splits text into words, and sentencepiece BPE
(`llama`: Gemma, Llama 2), whose merges are not in the file and are rebuilt from the pieces in order of their scores.
A rule we do not know is refused: a tokenizer that is nearly right makes a model that is quietly worse.
Source of the rules: ggml-org/llama.cpp src/llama-vocab.cpp (llm_tokenizer_bpe).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gguf import TokenType
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

from tunesmith.catalogue.gguf_file import FETCH_AGAIN, GgufFile
from tunesmith.errors import DamagedWeights, Unsupported

SPACE = "\u2581"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3_WORDS = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + REST
QWEN2_WORDS = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + REST
LLAMA3 = {"llama-bpe", "llama3", "llama-v3", "smaug-bpe"}
QWEN2 = {"qwen2", "deepseek-r1-qwen"}
SMOLLM = {"smollm"}
GPT2 = {"gpt-2", "gpt2"}
FILLER = re.compile(r"\[PAD\d+\]")


def write_tokenizer(gguf: GgufFile, folder: Path) -> None:
    """Write tokenizer.json. Raises: Unsupported for an unknown kind of tokenizer, DamagedWeights if the vocabulary is missing or inconsistent."""
    tokens: list[str] = gguf.metadata.get("tokenizer.ggml.tokens") or []
    kinds: list[int] = gguf.metadata.get("tokenizer.ggml.token_type") or [int(TokenType.NORMAL)] * len(tokens)
    if not tokens or len(kinds) != len(tokens):
        got = f"{len(tokens)} tokens and {len(kinds)} kinds"
        raise DamagedWeights("the vocabulary is missing or cut off", where=str(gguf.path), got=got, expected="a kind for each token", fix=FETCH_AGAIN)
    match gguf.metadata.get("tokenizer.ggml.model"):
        case "gpt2":
            tokenizer = byte_level(gguf, tokens, kinds)
        case "llama":
            tokens = [SPACE * len(t) if len(t) > 1 and not t.strip(" ") else t for t in tokens]  # llama.cpp decodes runs of spaces; merges do not
            tokenizer = sentencepiece(gguf, tokens, kinds)
        case other:
            raise unknown(gguf, f"tokenizer `{other}`", "gpt2 or llama")
    add_tokens(tokenizer, tokens, kinds)
    begin = special(gguf, tokens, "bos")
    if begin is not None and adds_begin(gguf):
        pair = f"{begin}:0 $A:0 {begin}:1 $B:1"
        ids = [(begin, tokens.index(begin))]
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{begin}:0 $A:0", pair=pair, special_tokens=ids)
    tokenizer.save(str(folder / "tokenizer.json"))


def tokenizer_config(gguf: GgufFile, context: int) -> dict[str, Any]:
    """tokenizer_config.json, with the chat template if the file has one."""
    tokens: list[str] = gguf.metadata["tokenizer.ggml.tokens"]
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        "add_bos_token": adds_begin(gguf),
        "add_eos_token": False,
    }
    for ours, theirs in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")):
        token = special(gguf, tokens, theirs)
        config |= {f"{ours}_token": token} if token is not None else {}
    config.setdefault("pad_token", config.get("eos_token"))
    template = gguf.metadata.get("tokenizer.chat_template")
    return config | ({"chat_template": template} if template else {})


def adds_begin(gguf: GgufFile) -> bool:
    """Whether text starts with the begin token; sentencepiece models do unless the file says otherwise (as llama.cpp has it)."""
    by_rule = gguf.metadata.get("tokenizer.ggml.model") == "llama" or gguf.metadata.get("tokenizer.ggml.pre") in LLAMA3
    return bool(gguf.metadata.get("tokenizer.ggml.add_bos_token", by_rule))


def special(gguf: GgufFile, tokens: list[str], name: str) -> str | None:
    """The token with that role. Raises: DamagedWeights if its id is outside the vocabulary."""
    number = gguf.metadata.get(f"tokenizer.ggml.{name}_token_id")
    if number is not None and not 0 <= int(number) < len(tokens):
        expected = f"below {len(tokens)}"
        raise DamagedWeights(f"the {name} token is not in the vocabulary", where=str(gguf.path), got=str(number), expected=expected, fix=FETCH_AGAIN)
    return tokens[int(number)] if number is not None else None


def byte_level(gguf: GgufFile, tokens: list[str], kinds: list[int]) -> Tokenizer:
    """BPE over bytes; the pieces are spelt in GPT-2's byte alphabet."""
    rule = str(gguf.metadata.get("tokenizer.ggml.pre", "absent"))
    merges = [tuple(merge.split(" ", 1)) for merge in gguf.metadata.get("tokenizer.ggml.merges") or []]
    if not merges:
        raise DamagedWeights(
            "the vocabulary has no merges", where=str(gguf.path), got="0 merges", expected="`tokenizer.ggml.merges`", fix=FETCH_AGAIN
        )
    vocabulary = {token: i for i, token in enumerate(tokens) if not is_filler(token, kinds[i])}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges, ignore_merges=rule in LLAMA3))
    tokenizer.pre_tokenizer = words(gguf, rule)
    tokenizer.decoder = decoders.ByteLevel()
    if rule in QWEN2:
        tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def words(gguf: GgufFile, rule: str) -> pre_tokenizers.PreTokenizer:
    """The rule that splits text into words before merging. Raises: Unsupported if its name is unknown."""
    if rule in SMOLLM:
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    if rule in GPT2:
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    pattern = LLAMA3_WORDS if rule in LLAMA3 else QWEN2_WORDS if rule in QWEN2 else None
    if pattern is None:
        raise unknown(gguf, f"word rule `{rule}`", ", ".join(sorted(SMOLLM | GPT2 | LLAMA3 | QWEN2)))
    in_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behavior="isolated"), in_bytes])


def sentencepiece(gguf: GgufFile, tokens: list[str], kinds: list[int]) -> Tokenizer:
    """BPE over characters with a fallback to bytes; spaces are written as a lower block."""
    scores: list[float] = gguf.metadata.get("tokenizer.ggml.scores") or []
    if len(scores) != len(tokens):
        got = f"{len(scores)} scores for {len(tokens)} tokens"
        raise DamagedWeights("the vocabulary has no scores", where=str(gguf.path), got=got, expected="one for each token", fix=FETCH_AGAIN)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    pieces = {token: scores[i] for token, i in vocabulary.items() if kinds[i] == TokenType.NORMAL}
    unknown_token = special(gguf, tokens, "unknown") or next((t for t, k in zip(tokens, kinds, strict=True) if k == TokenType.UNKNOWN), None)
    model = BPE(vocab=vocabulary, merges=merges_by_score(pieces), unk_token=unknown_token, fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    prefix = bool(gguf.metadata.get("tokenizer.ggml.add_space_prefix", True))
    replace = normalizers.Replace(" ", SPACE)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), replace]) if prefix else replace
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefix else steps)
    return tokenizer


def merges_by_score(pieces: dict[str, float]) -> list[tuple[str, str]]:
    """Every way to make a piece from two others, best score first; ties: the piece that comes first, then the shorter left part.

    >>> merges_by_score({"a": -3, "b": -4, "c": -5, "ab": -1, "abc": -2})
    [('a', 'b'), ('ab', 'c')]
    """
    found = []
    for place, (piece, score) in enumerate(pieces.items()):
        cuts = ((piece[:i], piece[i:]) for i in range(1, len(piece)))
        found += [(-score, place, len(left), left, right) for left, right in cuts if left in pieces and right in pieces]
    return [(left, right) for *_, left, right in sorted(found)]


def add_tokens(tokenizer: Tokenizer, tokens: list[str], kinds: list[int]) -> None:
    """Keep control tokens and user-defined ones whole: they are matched before anything is split.

    User-defined pieces are matched after spaces were rewritten, because runs of spaces are among them.
    """
    spoken = [t for t, kind in zip(tokens, kinds, strict=True) if kind == TokenType.USER_DEFINED]
    control = [t for t, kind in zip(tokens, kinds, strict=True) if kind in (TokenType.CONTROL, TokenType.UNKNOWN)]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in control])
    tokenizer.add_tokens([AddedToken(t, normalized=tokenizer.normalizer is not None, special=False) for t in spoken])


def is_filler(token: str, kind: int) -> bool:
    """Rows that only pad the embedding table to a round size are not tokens."""
    return kind == TokenType.UNUSED and FILLER.fullmatch(token) is not None


def unknown(gguf: GgufFile, got: str, expected: str) -> Unsupported:
    """The error for a tokenizer that would come out nearly right."""
    fix = "pull the original safetensors instead: `tunesmith models pull OWNER/NAME`"
    return Unsupported("the tokenizer cannot be converted from GGUF", where=str(gguf.path), got=got, expected=expected, fix=fix)
