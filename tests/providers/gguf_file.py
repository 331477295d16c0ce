"""Write a tiny GGUF file with random weights: it answers nonsense, but it loads and runs like any other."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

WORDS = ("the", "answer", "is", "yes", "no", "one", "two", "apples", "birds", "and")
CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
WIDTH, HEADS, LAYERS, HIDDEN = 64, 2, 2, 96


def write_random_gguf(path: Path, *, seed: int = 7, context: int = 512) -> Path:
    """A llama whose tokenizer knows bytes, ASCII characters and a few words (about 0.5 MB)."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("random")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    readable = _add_tokenizer(writer)
    _add_weights(writer, np.random.default_rng(seed), readable)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter) -> np.ndarray:
    """Returns which tokens are readable text: the others must never be drawn."""
    special = ["<unk>", "<s>", "</s>"]
    octets = [f"<0x{octet:02X}>" for octet in range(256)]
    letters = [chr(code) for code in range(33, 127)] + ["\u2581"]
    words = [f"\u2581{word}" for word in WORDS]
    tokens = special + octets + letters + words
    kinds = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * (len(letters) + len(words))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_vocab_size(len(tokens))
    writer.add_token_list(tokens)
    writer.add_token_scores([-1000.0 + len(token) for token in tokens])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(CHAT_TEMPLATE)
    return np.arange(len(tokens)) >= len(special) + len(octets)


def _add_weights(writer: gguf.GGUFWriter, draw: np.random.Generator, readable: np.ndarray) -> None:
    def add(name: str, rows: int, columns: int) -> None:
        weights = draw.normal(0, columns**-0.5, (rows, columns)).astype(np.float32)
        if name == "output.weight":
            # The random logits of readable tokens spread widely around 0, so that the best of them
            # always beats the others' flat 0.
            weights *= 6 * readable[:, None]
        writer.add_tensor(name, weights.astype(np.float32))

    def add_norm(name: str) -> None:
        writer.add_tensor(name, np.ones(WIDTH, dtype=np.float32))

    add("token_embd.weight", len(readable), WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        add_norm(f"{block}.attn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"{block}.{part}.weight", WIDTH, WIDTH)
        add_norm(f"{block}.ffn_norm.weight")
        add(f"{block}.ffn_gate.weight", HIDDEN, WIDTH)
        add(f"{block}.ffn_up.weight", HIDDEN, WIDTH)
        add(f"{block}.ffn_down.weight", WIDTH, HIDDEN)
    add_norm("output_norm.weight")
    add("output.weight", len(readable), WIDTH)
