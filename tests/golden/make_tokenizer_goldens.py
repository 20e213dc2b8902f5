#!/usr/bin/env python3
"""Writes tokenizer_small.json and tokenizer_minilm.json: what Hugging Face's own package makes of
many texts, for tests/runtimes/text.

    python3 -m venv /tmp/goldens && /tmp/goldens/bin/pip install tokenizers==0.22.2
    /tmp/goldens/bin/python tests/golden/make_tokenizer_goldens.py models/all-MiniLM-L6-v2

Each case: text, ids and byte offsets with special tokens, which tokens are special, the ids kept by
truncation to 8 from the right and from the left, and the ids decoded without special tokens.
"""
import json
import pathlib
import sys

from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent

TEXTS = [
    "", " ", "\t\n\r", "a", "Hello world", "The quick brown fox jumps over the lazy dog.",
    "THE QUICK BROWN FOX", "don't won't can't it's", "e-mail: user.name+tag@example.co.uk",
    "https://example.org/path?query=1&other=two#fragment", "C:\\Users\\name\\file.txt",
    "3.14159 2,718 1e-9 0xFF 50% $9.99 #42", "2026-11-24T15:00:00Z", "tokenization untokenizable",
    "pneumonoultramicroscopicsilicovolcanoconiosis", "antidisestablishmentarianism!",
    "x" * 99, "x" * 100, "x" * 101, "x" * 1000, "word " * 200, "!?" * 60,
    "supercalifragilisticexpialidocious " * 3, "a.b.c.d,e;f:g!h?i", "...---...", "(((nested)))",
    "[CLS] [SEP] [MASK] [PAD] [UNK]", "the[MASK]fox", "[CLS", "[cls] [mask]", " [MASK] ",
    "[[SEP]]", "##ing ## # ###", "``quoted'' \"text\" 'here'", "{\"key\": [1, 2, {\"a\": null}]}",
    "<html><body>&amp;</body></html>", "int main() { return 0; }", "SELECT * FROM t WHERE a<>b;",
    "caf\u00e9", "cafe\u0301", "na\u00efve r\u00e9sum\u00e9 \u00c5ngstr\u00f6m",
    "\u00fcber stra\u00dfe STRASSE \u1e9e", "\u0141\u00f3d\u017a \u017c\u00f3\u0142w", "\u0130stanbul \u0131\u015f\u0131k",
    "\u00e6on \u0153uvre \u00f8re \u00fe\u00f0", "\ufb01ne \ufb02ow o\ufb03ce", "\u210cilbert \u2115 \u211d \u2102",
    "\uff28\uff45\uff4c\uff4c\uff4f \uff11\uff12\uff13", "x\u00b2 + y\u00b3 = \u221e", "\u00bd \u2153 \u215b \u2167 \u2177",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u0419\u043e\u0433\u0443\u0440\u0442 \u0451\u043b\u043a\u0430", "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5 \u039a\u03cc\u03c3\u03bc\u03b5",
    "\u1f08\u03c7\u03b9\u03bb\u03bb\u03b5\u03cd\u03c2 \u03a9\u03a3", "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u0645\u064e\u0631\u0652\u062d\u064e\u0628\u064b\u0627", "\u202b\u05d0\u05d1\u05d2 abc\u202c",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0995\u09cd\u09b7 \u09ac\u09be\u0982\u09b2\u09be", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd \u0b95\u0bcb",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u1019\u103c\u1014\u103a\u1019\u102c", "\u10d2\u10d0\u10db\u10d0\u10e0\u10ef\u10dd\u10d1\u10d0",
    "\u4f60\u597d\uff0c\u4e16\u754c\uff01", "\u4e2d\u6587 mixed with English\u4e2d\u6587", "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", "\u30ab\u3099\u30d1\u309a \u304c\u3071",
    "\ud55c\uad6d\uc5b4 \ud14d\uc2a4\ud2b8", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "\U00020000\U0002a6d6 \U0002f800", "\uf900\ufa6d",
    "\U0001f642", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family", "\U0001f44d\U0001f3fd thumbs", "\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea",
    "I \u2764\ufe0f you", "text\U0001f600text", "1\ufe0f\u20e3 2\ufe0f\u20e3", "\U0001d54f \U0001d4d0\U0001d4d1", "\u2600 \u2603 \u2708",
    "\u0000", "a\u0000b", "\u0001\u0002\u0003", "bell\u0007 back\u0008space", "esc\u001b[31mred\u001b[0m", "del\u007fete", "\u0085next\u0085line",
    "\u00a0nbsp\u00a0", "\u2003em\u2003space", "zero\u200bwidth", "soft\u00adhyphen", "\u2028line\u2029para", "\u3000wide\u3000",
    "\ufeffbom", "replacement\ufffdchar", "\ufffe\uffff", "\ue000private", "\U000e0041tag", "\U0010ffff",
    "a\u0300\u0301\u0302\u0303\u0304", "\u0301alone", "e\u0301\u0301\u0301 i\u20dd", "Z\u0351\u036b\u0343a\u0348\u0348l\u034dg\u0311o\u0314",
    "\u201ccurly\u201d \u2018quotes\u2019 \u2014 dash \u2026", "\u00abguillemets\u00bb \u00bfqu\u00e9? \u00a1s\u00ed!", "\u3010\u62ec\u53f7\u3011\u300c\u5f15\u7528\u300d",
    "5 \u20ac 10 \u00a3 \u00a5 \u20b9 \u00a9 \u00ae \u2122", "\u2190\u2191\u2192\u2193 \u2211\u222b\u221a \u2264\u2265\u2260", "~`^|@_=+<>$", "\u00b0\u00b7\u00a7\u00b6\u2020",
    "Vi\u1ec7t Nam \u0111\u1eb9p", "\u01c4\u01c5\u01c6 \u01f1", "\u1e0b\u0323 \u1e0d\u0307", "\u212b \u2126 K",
    "semantic search finds passages by meaning", "How do I reset my password?",
    "Serverless inference scales to zero when traffic stops.",
    "Les serveurs sans \u00e9tat sont plus simples \u00e0 g\u00e9rer.", "Der schnelle braune Fuchs.",
]


def byte_offsets(text, offsets):
    start_of = [0]
    for c in text:
        start_of.append(start_of[-1] + len(c.encode()))
    return [[start_of[a], start_of[b]] for a, b in offsets]


def cases(tokenizer):
    def encode(text, direction=None):
        tokenizer.no_truncation()
        if direction:
            tokenizer.enable_truncation(8, direction=direction)
        return tokenizer.encode(text)

    for text in TEXTS:
        whole = encode(text)
        yield {
            "text": text,
            "ids": whole.ids,
            "offsets": byte_offsets(text, whole.offsets),
            "special": whole.special_tokens_mask,
            "right": encode(text, "right").ids,
            "left": encode(text, "left").ids,
            "decoded": tokenizer.decode(whole.ids, skip_special_tokens=True),
        }


def write(name, tokenizer_json):
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    tokenizer.no_padding()
    lines = (json.dumps(case, separators=(",", ":")) for case in cases(tokenizer))
    (HERE / name).write_text("[\n" + ",\n".join(lines) + "\n]\n")


write("tokenizer_small.json", HERE.parent / "runtimes/text/data/small_wordpiece.json")
write("tokenizer_minilm.json", pathlib.Path(sys.argv[1]) / "tokenizer.json")
