"""Answers, line by line, what PyYAML does: a request and an answer are one JSON document each.

Values travel in a form that keeps their type: null, booleans, {"i": "12"}, {"f": "<bits of the double>"}, {"s": "text"},
lists, and {"m": [[key, value], ...]} for maps in their order.
"""

import json
import struct
import sys

import yaml

STR = "tag:yaml.org,2002:str"
MERGE = "tag:yaml.org,2002:merge"


class Unequal(Exception):
    """The document holds keys that Python takes for equal and YAML does not, such as 1 and true."""


class Loader(yaml.SafeLoader):
    """PyYAML's, with the platform's two additions: timestamps are text, and a key stands once in a map."""

    def construct_mapping(self, node, deep=False):
        if isinstance(node, yaml.MappingNode):
            seen = {}
            for key_node, _ in node.value:
                if key_node.tag == MERGE or getattr(key_node, "merged", False):
                    continue
                if not isinstance(key_node, yaml.ScalarNode):
                    continue
                if key_node.tag == "tag:yaml.org,2002:value":
                    key = key_node.value
                else:
                    key = self.construct_object(key_node)
                if key in seen:
                    if type(seen[key]) is type(key):
                        raise yaml.constructor.ConstructorError(None, None, "duplicate key", key_node.start_mark)
                    raise Unequal
                seen[key] = key
        return super().construct_mapping(node, deep=deep)

    def flatten_mapping(self, node):
        explicit = {id(key) for key, _ in node.value}
        super().flatten_mapping(node)
        # Flattening happens once, in place: from now on merged keys are told from the map's own by this mark.
        if any(id(key) not in explicit for key, _ in node.value):
            node.value = [
                (key if id(key) in explicit else merged_key(key), value) for key, value in node.value
            ]


def merged_key(key):
    copy = yaml.ScalarNode(key.tag, key.value, key.start_mark, key.end_mark, key.style) \
        if isinstance(key, yaml.ScalarNode) else key
    copy.merged = True
    return copy


Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_yaml_str)


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def encode(value, above=()):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        if value != value:
            return {"f": "nan"}
        return {"f": str(struct.unpack("<Q", struct.pack("<d", value))[0])}
    if isinstance(value, str):
        return {"s": value}
    if id(value) in above:
        raise ValueError("recursive")
    above = above + (id(value),)
    if isinstance(value, list):
        return [encode(item, above) for item in value]
    return {"m": [[encode(key, above), encode(item, above)] for key, item in value.items()]}


def decode(value):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list):
        return [decode(item) for item in value]
    (kind, content), = value.items()
    if kind == "i":
        return int(content)
    if kind == "f":
        return float("nan") if content == "nan" else struct.unpack("<d", struct.pack("<Q", int(content)))[0]
    if kind == "s":
        return content
    return {decode(key): decode(item) for key, item in content}


def resolve(text):
    loader = Loader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag in (MERGE, "tag:yaml.org,2002:value", "tag:yaml.org,2002:yaml"):
        tag = STR
    return loader.construct_object(yaml.ScalarNode(tag, text))


def answer(request):
    operation = request["operation"]
    if operation == "dump":
        value = decode(request["value"])
        return {"text": yaml.dump(value, Dumper=Dumper, default_flow_style=False, width=float("inf"), indent=request["indent"])}
    try:
        if operation == "resolve":
            return {"value": encode(resolve(request["text"]))}
        return {"value": encode(yaml.load(request["text"], Loader))}
    except Unequal:
        return {"unequal": True}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


sys.setrecursionlimit(10_000)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
