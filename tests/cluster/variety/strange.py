"""Texts that a printer may trip over."""

TABS = "one\ttwo\t\tfour\t"
LINES = "first\nsecond, longer than the first\n\nfourth after an empty one\n"
ESCAPES = "\x1b[31mred\x1b[0m and\rback, bell\x07, page\fbreak, vertical\vtab"
ABROAD = "Größe, naïve, Ελληνικά, кириллица, 日本語, עברית, e\u0301, a\u200bb, 🚀👩\u200d👩\u200d👧"
FORMATS = "100% %s %d %%v %!q(MISSING) {} {0} ${HOME} \\n \\t \\"
QUOTES = "\"double\" 'single' `back` <none> <unset> & | ; # $(date)"
SPACES = "  two before, two after  "
SENTENCE = "The quick brown fox jumps over the lazy dog, again and again, until nobody looks any more. "
LONG = (SENTENCE * 60).strip()
# The length at which `describe` cuts is in bytes: it falls inside a character in one of the three.
ABROAD_LONG = ["x" * n + "é日🚀" * 60 for n in range(3)]
JSON = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","annotations":{}},"data":{"a":"1\\n2"}}'

ALL = {"tabs": TABS, "lines": LINES, "escapes": ESCAPES, "abroad": ABROAD, "formats": FORMATS, "quotes": QUOTES, "spaces": SPACES, "json": JSON, "empty": "", "newline": "\n",
    "newlines": "\n\n\n"}


def annotations():
    """Every one of them, and the lengths around the one at which a value goes to a line of its own."""
    out = {"strange.example/" + name: text for name, text in ALL.items()}
    out["strange.example/long"] = LONG
    out["strange.example/long-lines"] = "\n".join([LONG, "short", SENTENCE * 2, "y" * 137, "y" * 138, "y" * 139])
    for i, text in enumerate(ABROAD_LONG):
        out[f"strange.example/abroad-{i}"] = text
    # 140 is the limit of key, colon, space and value together.
    for total in (138, 139, 140, 141):
        key = f"strange.example/total-{total}"
        out[key] = "z" * (total - len(key) - 2)
    return out


def labels(count):
    """A long set of labels, of every form that a key and a value may have."""
    out = {"app": "strange", "empty": "", "a": "b", "A.b-c_d": "E.f-g_h", "example.com/" + "k" * 63: "v" * 63, "0": "0", "true": "true", "null": "null"}
    for i in range(count):
        out[f"group-{i % 5}.example.com/label-{i:02}"] = f"value-{i * 7919 % 1000}"
    return out
