"""Write checkpoints as GGUF files: `python export.py tiny-large ...`; all of them when none is named.

Weights stay in 32 bits: the files are small, and every processor reads them as fast as any other.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from model import NORM_EPS, ROPE_BASE, Size
from tokens import CHAT_TEMPLATE, END, SPECIAL, UNK, build_vocabulary
from train import FOLDER, RECIPES

TARGET = Path(__file__).parents[2] / "llm_orc" / "embedded"
NAMES = {
    "attention_norm": "attn_norm", "attention.q": "attn_q", "attention.k": "attn_k", "attention.v": "attn_v",
    "attention.o": "attn_output",
    "ffn_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
}  # fmt: skip
DESCRIPTIONS = {
    "solver": "Solves small arithmetic word problems step by step; nothing else.",
    "extractor": "Turns small word problems, or problems with their solutions, into JSON.",
    "classifier": "Labels short customer messages; examples in the conversation define other labels.",
}


def export(name: str) -> Path:
    """Write one model's GGUF file and return its path."""
    kept = torch.load(FOLDER / f"{name}.pt", weights_only=True)
    size = Size(**kept["size"])
    path = TARGET / f"{name}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_description(DESCRIPTIONS[RECIPES[name].task])
    writer.add_author("The llm-orc authors")
    writer.add_license("Apache-2.0")
    writer.add_context_length(size.context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.hidden)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.heads)
    writer.add_layer_norm_rms_eps(NORM_EPS)
    writer.add_rope_dimension_count(size.width // size.heads)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_tokenizer(writer)
    for key, weight in kept["weights"].items():
        writer.add_tensor(_tensor_name(key), weight.numpy().astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    vocabulary = build_vocabulary()
    pieces = [p if i < len(SPECIAL) else _escaped(p) for i, p in enumerate(vocabulary)]
    kinds = [gguf.TokenType.CONTROL] * len(SPECIAL)
    kinds[UNK] = gguf.TokenType.UNKNOWN
    kinds += [gguf.TokenType.NORMAL] * (len(vocabulary) - len(SPECIAL))
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("rwkv")
    writer.add_token_list(pieces)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(UNK)
    writer.add_eos_token_id(END)
    writer.add_eot_token_id(END)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _escaped(piece: bytes) -> bytes:
    """As llama.cpp reads the vocabulary of this tokenizer: everything unusual as `\\xNN`."""
    plain = all(32 <= b < 127 and b != 92 for b in piece)
    return piece if plain else "".join(f"\\x{b:02x}" for b in piece).encode()


def _tensor_name(key: str) -> str:
    if key == "embed.weight":
        return "token_embd.weight"
    if key == "norm.weight":
        return "output_norm.weight"
    _, layer, rest = key.split(".", 2)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[n for n in RECIPES if (FOLDER / f"{n}.pt").exists()])
    for chosen in parser.parse_args().names:
        file = export(chosen)
        print(f"{file.name} {file.stat().st_size / 1e6:.2f} MB")
