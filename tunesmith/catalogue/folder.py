"""A folder of model files → what it holds, or everything that is wrong with it. Reads headers only, never the weights themselves.

Pickles are never opened and code is never run: a model is a config, safetensors and a tokenizer, or it is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from tunesmith.errors import DamagedWeights, NotFound, Problem, UnsafeWeights, Unsupported

MANIFEST = "tunesmith.json"
KEPT = (
    "*.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
    "README.md",
    "LICENSE*",
    "NOTICE*",
    "*TERMS*",
)
"""Everything else stays where it is: other formats, pictures, training state, code."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy")
PICKLE_STARTS = (b"\x80", b"PK\x03\x04")  # a pickle's protocol byte; the zip that torch.save writes
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
INDEX = "model.safetensors.index.json"
MAX_JSON_BYTES = 64 << 20
FETCH_AGAIN = "fetch the model again"
GET_SAFETENSORS = "use a release of the model in safetensors format; if you trust this one, save it again with `save_pretrained`"


@dataclass(frozen=True)
class Facts:
    """What a model folder holds."""

    architecture: str
    model_type: str
    use: Literal["chat", "text", "embed"]
    parameters: int
    context: int
    licence: str


def is_kept(name: str) -> bool:
    """Whether a file of that relative name belongs to a model. Adapters and optimiser state do not."""
    part_of_adapter = name.startswith(("adapter_", "optimizer", "training_"))
    return not part_of_adapter and any(fnmatch(name, pattern) and name.count("/") == pattern.count("/") for pattern in KEPT)


def kept_files(folder: Path) -> list[str]:
    """Relative names of the model's files in `folder`, sorted; symbolic links count as the files they point to."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and len(path.relative_to(folder).parts) <= 2)
    return sorted(name for name in names if is_kept(name))


def inspect(folder: Path) -> Facts:
    """What the folder holds.

    Raises: NotFound if a part of the model is missing. UnsafeWeights for pickles and remote code. DamagedWeights for files that cannot be
        read. Unsupported for adapters and for embedders that do not take the mean.
    """
    refuse_what_is_no_model(folder)
    config = read_json(folder / "config.json")
    refuse_remote_code(config, folder / "config.json")
    if (folder / "tokenizer_config.json").is_file():
        refuse_remote_code(read_json(folder / "tokenizer_config.json"), folder / "tokenizer_config.json")
    architecture = str((config.get("architectures") or [""])[0])
    model_type = str(config.get("model_type", ""))
    if not architecture or not model_type:
        got = f"architectures {config.get('architectures')!r}, model_type {config.get('model_type')!r}"[:200]
        raise DamagedWeights("does not name its architecture", where=str(folder / "config.json"), got=got, expected="both", fix=FETCH_AGAIN)
    use = use_of(folder, architecture)
    return Facts(architecture, model_type, use, count_parameters(folder), context_of(folder, config, use), licence_of(folder))


def refuse_what_is_no_model(folder: Path) -> None:
    """Raises: NotFound, UnsafeWeights or Unsupported if the folder lacks a part, holds only pickles, or is an adapter."""
    where = str(folder)
    if not folder.is_dir():
        raise NotFound("no such folder", where=where, expected="a folder with a model", fix="check the path")
    names = {path.name for path in folder.iterdir() if path.is_file()}
    if "adapter_config.json" in names and "config.json" not in names:
        fix = "merge it into its base model first, or pull the base model"
        raise Unsupported("an adapter, not a model", where=where, got="adapter_config.json", expected="a whole model", fix=fix)
    pickles = sorted(name for name in names if name.lower().endswith(PICKLES))
    has_weights = "model.safetensors" in names or INDEX in names
    if pickles and not has_weights:
        shown = ", ".join(pickles[:3])
        raise UnsafeWeights("pickled weights are never loaded", where=where, got=shown, expected="model.safetensors", fix=GET_SAFETENSORS)
    lacking = []
    if not has_weights:
        ggufs = sorted(name for name in names if name.endswith(".gguf"))
        fix = f"pull the file itself: `tunesmith models pull {folder / ggufs[0]}`" if ggufs else FETCH_AGAIN
        lacking.append(Problem("no weights", where, "an empty folder" if not names else "", f"model.safetensors or {INDEX}", fix))
    if "config.json" not in names:
        lacking.append(Problem("no configuration", where, "", "config.json", "copy config.json from the model's own release"))
    if not names & set(TOKENIZERS):
        lacking.append(Problem("no tokenizer", where, "", " or ".join(TOKENIZERS), "copy the tokenizer's files from the model's own release"))
    if lacking:
        raise NotFound("not a whole model", problems=lacking)


def refuse_remote_code(config: dict[str, Any], path: Path) -> None:
    """Raises: UnsafeWeights if the file asks for Python code that comes with the model."""
    if config.get("auto_map"):
        fix = "use a model whose architecture transformers has itself"
        raise UnsafeWeights("asks for remote code", where=str(path), got=f"auto_map {config['auto_map']!r}"[:200], expected="no `auto_map`", fix=fix)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises: DamagedWeights."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise DamagedWeights("too large to be what it should be", where=str(path), got=f"{path.stat().st_size} bytes", fix=FETCH_AGAIN)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedWeights("is not JSON", where=str(path), got=str(error)[:200], expected="a JSON object", fix=FETCH_AGAIN) from error
    if not isinstance(value, dict):
        raise DamagedWeights("is not a JSON object", where=str(path), got=type(value).__name__, expected="a JSON object", fix=FETCH_AGAIN)
    return value


def count_parameters(folder: Path) -> int:
    """How many weights the safetensors files hold, from their headers. Raises: DamagedWeights, UnsafeWeights."""
    total = 0
    for name, promised in shards(folder).items():
        sizes = header(folder / name)
        absent = sorted(promised - set(sizes))
        if absent:
            got = f"{len(absent)} tensors missing, first {absent[0]}"
            raise DamagedWeights("does not hold what the index promises", where=str(folder / name), got=got, expected="every tensor", fix=FETCH_AGAIN)
        total += sum(sizes.values())
    return total


def shards(folder: Path) -> dict[str, set[str]]:
    """Weight file → names of the tensors the index promises in it (none promised when there is a single file).

    Raises: DamagedWeights if the index is unreadable, names files outside the folder, or names files that are not there.
    """
    if (folder / "model.safetensors").is_file():
        return {"model.safetensors": set()}
    places = read_json(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise DamagedWeights("has no weight map", where=str(folder / INDEX), expected="`weight_map`: tensor → file", fix=FETCH_AGAIN)
    result: dict[str, set[str]] = {}
    for tensor, file in places.items():
        result.setdefault(file, set()).add(tensor)
    bad = [file for file in result if not re.fullmatch(r"[\w.-]+\.safetensors", file) or not (folder / file).is_file()]
    if bad or not result:
        got = ", ".join(repr(file) for file in bad[:3]) or "an empty map"
        raise DamagedWeights(
            "names files that are not there", where=str(folder / INDEX), got=got, expected="safetensors files beside it", fix=FETCH_AGAIN
        )
    return result


def header(path: Path) -> dict[str, int]:
    """Tensor → number of values. The library checks that the header is whole and that its offsets cover the file exactly.

    Raises: UnsafeWeights if it is a pickle under another name. DamagedWeights.
    """
    with path.open("rb") as stream:
        start = stream.read(16)
    # Eight bytes of length, then JSON: a real header has `{` there, whatever its length begins with.
    if start.startswith(PICKLE_STARTS) and start[8:9] != b"{":
        raise UnsafeWeights("a pickle under another name", where=str(path), got=repr(start[:4]), expected="safetensors", fix=GET_SAFETENSORS)
    try:
        with safe_open(str(path), framework="numpy") as tensors:
            return {name: product(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise DamagedWeights(
            "not a sound safetensors file", where=str(path), got=str(error)[:200], expected="a whole file", fix=FETCH_AGAIN
        ) from error


def product(shape: list[int]) -> int:
    """How many values a tensor of that shape has: 1 for a scalar."""
    result = 1
    for side in shape:
        result *= side
    return result


def use_of(folder: Path, architecture: str) -> Literal["chat", "text", "embed"]:
    """What the model is for. Raises: Unsupported for models that neither answer nor embed, and for embedders that do not take the mean."""
    if (folder / "1_Pooling" / "config.json").is_file():
        pooling = read_json(folder / "1_Pooling" / "config.json")
        if not pooling.get("pooling_mode_mean_tokens", False):
            chosen = [name for name, value in pooling.items() if name.startswith("pooling_mode") and value is True]
            fix = "use an embedder that takes the mean over tokens, such as all-minilm-l6-v2"
            raise Unsupported("unknown pooling", where=str(folder), got=", ".join(chosen), expected="mean over tokens", fix=fix)
    if architecture.endswith("Model") or (folder / "modules.json").is_file():
        return "embed"
    if not architecture.endswith(("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")):
        expected = "…ForCausalLM to answer, …Model to embed"
        raise Unsupported("neither answers nor embeds", where=str(folder), got=architecture, expected=expected, fix="choose another model")
    return "chat" if has_chat_template(folder) else "text"


def has_chat_template(folder: Path) -> bool:
    """Whether the model says how a conversation is written."""
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(read_json(path).get("chat_template"))


def context_of(folder: Path, config: dict[str, Any], use: str) -> int:
    """How many tokens the model was made for. Raises: DamagedWeights if nothing says so."""
    limits = folder / "sentence_bert_config.json"
    if use == "embed" and limits.is_file():
        length = read_json(limits).get("max_seq_length")
        if isinstance(length, int):
            return length
    for source in (config, config.get("text_config") or {}):
        for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length"):
            if isinstance(source.get(name), int):
                return int(source[name])
    where = str(folder / "config.json")
    raise DamagedWeights("does not say its context length", where=where, expected="max_position_embeddings", fix="add max_position_embeddings to it")


def licence_of(folder: Path) -> str:
    """The licence that the model card names; `unknown` without one."""
    card = folder / "README.md"
    if not card.is_file():
        return "unknown"
    text = card.read_text(encoding="utf-8", errors="replace")[:20_000]
    front = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    found = {
        key: value.strip("'\" ") for key, value in re.findall(r"^(license|license_name):\s*(.+?)\s*$", front.group(1) if front else "", re.MULTILINE)
    }
    named = found.get("license_name") if found.get("license") == "other" else None
    return (named or found.get("license") or "unknown")[:80]
