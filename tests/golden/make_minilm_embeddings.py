"""Writes minilm_embeddings.json: what transformers makes of some texts, in fp32 on the CPU.

    pip install torch transformers tokenizers
    python tests/golden/make_minilm_embeddings.py models/all-MiniLM-L6-v2

`cases` are what a client may send (text, the request's parameters) with the token ids and the normalised
mean embedding after truncation to the model's 256 tokens; an empty text has none. `long` are bare id lists
up to the 512 positions of the model.
"""

import json
import pathlib
import sys

import torch
import transformers
from tokenizers import Tokenizer

MAX_TOKENS = 256

WORDS = (
    "the quick brown fox jumps over a lazy dog while seventeen engineers argue about cold starts, "
    "shared memory and the price of electricity in winter; nobody notices that the build is green"
).split()


def prose(words, seed=0):
    return " ".join(WORDS[(i * 7 + i * i + seed) % len(WORDS)] for i in range(words))


TEXTS = [
    "", "a", "Hello", "hello world", "What is Deep Learning?", "The cat sat on the mat.",
    "A man is eating food.", "A man is eating a piece of bread.", "UPPER lower MiXeD",
    "   leading and trailing   ", " ", "\t\n", "line one\nline two\r\nline three", "tabs\tand\tmore",
    "control \u0001\u0002\u001f characters", "zero \u0000 byte", "soft\u00adhyphen zero\u200bwidth",
    "replacement \ufffd character", "byte order \ufeff mark", "12345678901234567890", "3.14159 and -2.71828e10",
    "$100 for 50% off!!!", "a@b.example https://example.org/path?q=1&r=2#frag", "C++ vs. C# vs. F#",
    "for (int i = 0; i < n; ++i) { sum += a[i]; }", "<html><body>tags</body></html>", "{\"json\": [1, 2, null]}",
    "[CLS] [SEP] [MASK] [UNK] [PAD]", "under_score and-hyphen and/slash", "....", "?!?!?!", "\"quotes\" 'single' `back`",
    "café naïve résumé Ångström", "cafe\u0301 decomposed", "Straße GRÜSSE ẞ", "ÆØÅ æøå œŒ", "Zażółć gęślą jaźń",
    "Съешь же ещё этих мягких французских булок", "Ελληνικά κείμενα για δοκιμή", "שלום עולם, זה טקסט",
    "مرحبا بالعالم، هذا نص", "mixed עברית and English العربية", "नमस्ते दुनिया", "สวัสดีชาวโลก", "გამარჯობა",
    "今天天气很好", "日本語のテキスト、カタカナとひらがな", "한국어 문장입니다", "mixed 中文 and English 字符",
    "😀", "emoji 😀😃 in a 👩‍👩‍👧‍👦 family 🏳️‍🌈 text", "👍🏽👍🏿", "🇫🇷🇩🇪", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕞𝕒𝕥𝕙", "½ ² ™ © № ﬁ ﬂ",
    "𠜎𠜱 rare ideographs", "antidisestablishmentarianism", "x" * 90, "x" * 150, "ab " * 40,
    "supercalifragilisticexpialidocious " * 3, prose(9), prose(16), prose(31, 3), prose(60, 5), prose(100, 7),
    prose(125, 11), prose(160, 13), prose(200, 17), "word " * 253, "word " * 254, "word " * 255,
]  # fmt: skip

TRUNCATED = [prose(300, 19), prose(520, 23), prose(900, 29), "今天天气很好" * 100, "😀 " * 400, "y" * 5000]


def embed(model, ids):
    with torch.inference_mode():
        tokens = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    pooled = tokens.mean(dim=0)
    return [float(f"{x:.8g}") for x in (pooled / pooled.norm()).tolist()]


def main(folder):
    model = transformers.BertModel.from_pretrained(
        folder, torch_dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.no_padding()
    cases = []
    for direction, texts in (("right", TEXTS + TRUNCATED), ("left", TRUNCATED)):
        tokenizer.enable_truncation(MAX_TOKENS, direction=direction)
        for text in texts:
            case = {"text": text}
            if direction == "left":
                case["parameters"] = {"truncation_direction": "left"}
            if text:
                case["ids"] = tokenizer.encode(text).ids
                case["embedding"] = embed(model, case["ids"])
            cases.append(case)
    tokenizer.no_truncation()
    ids = tokenizer.encode(prose(900, 31)).ids
    long = [ids[: n - 1] + [ids[-1]] for n in (257, 300, 384, 511, 512)]
    golden = {
        "model": "all-MiniLM-L6-v2",
        "made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
        "cases": cases,
        "long": [{"ids": ids, "embedding": embed(model, ids)} for ids in long],
    }
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in golden.pop("cases"))
    text = json.dumps(golden, separators=(",", ":"))
    path = pathlib.Path(__file__).with_name("minilm_embeddings.json")
    path.write_text(f'{text[:-1]},"cases":[\n{rows}\n]}}\n')


if __name__ == "__main__":
    main(sys.argv[1])
