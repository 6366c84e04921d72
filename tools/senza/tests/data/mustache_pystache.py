"""Writes mustache_pystache.json: templates and what pystache makes of them in strict mode.

How the checked-in file was made: python3 -m venv v && v/bin/pip install pystache==0.6.8 &&
v/bin/python mustache_pystache.py > mustache_pystache.json
"""
import json
import random

import pystache

CONTEXT = {
    "Arguments": {"region": "eu-west-1", "version": "v1", "Image": "a&b <\"'>", "Empty": "", "Zero": "0"},
    "SenzaInfo": {
        "StackName": "hello-world", "Port": 8080, "Ratio": 0.5, "Big": 1e20, "Yes": True, "No": False, "Nothing": None,
        "Tags": [{"Team": "x", "Owner": {"Name": "y"}}, {"Team": "z"}], "List": ["a", "it's", 1, None, True, 1.0],
        "NoList": [], "Map": {"Key": "value", "Inner": {"Deep": "d"}}, "NoMap": {},
    },
    "SenzaComponents": [],
    "é": "ü",
}
HAND = [
    "", "plain", "{{Arguments.version}}", "{{ Arguments.version }}", "{{\nArguments.version\n}}", "{{{Arguments.Image}}}",
    "{{{ Arguments.Image }}}", "{{{Arguments.Image} }}", "{{&Arguments.Image}}", "{{& Arguments.Image }}", "{{Arguments.Image}}",
    "{{SenzaInfo.Port}}", "{{SenzaInfo.Ratio}}", "{{SenzaInfo.Big}}", "{{SenzaInfo.Yes}}", "{{SenzaInfo.No}}",
    "{{SenzaInfo.Nothing}}", "{{SenzaInfo.List}}", "{{{SenzaInfo.List}}}", "{{{SenzaInfo.Map}}}", "{{{SenzaInfo.Tags}}}",
    "{{Missing}}", "{{Arguments.Missing}}", "{{Arguments.version.more}}", "{{SenzaInfo.List.0}}", "{{Arguments..version}}",
    "{{#Missing}}x{{/Missing}}", "{{^Missing}}x{{/Missing}}", "{{#SenzaInfo.Yes}}x{{/SenzaInfo.Yes}}",
    "{{#SenzaInfo.No}}x{{/SenzaInfo.No}}", "{{^SenzaInfo.No}}x{{/SenzaInfo.No}}", "{{#Arguments.Empty}}x{{/Arguments.Empty}}",
    "{{#Arguments.Zero}}x{{/Arguments.Zero}}", "{{#SenzaInfo.Nothing}}x{{/SenzaInfo.Nothing}}",
    "{{#SenzaInfo.NoMap}}x{{/SenzaInfo.NoMap}}", "{{^SenzaInfo.NoList}}none{{/SenzaInfo.NoList}}",
    "{{#SenzaInfo.List}}<{{.}}>{{/SenzaInfo.List}}", "{{#SenzaInfo.List}}<{{{.}}}>{{/SenzaInfo.List}}",
    "{{#SenzaInfo.Tags}}{{Team}},{{/SenzaInfo.Tags}}", "{{#SenzaInfo.Tags}}{{Owner.Name}}{{/SenzaInfo.Tags}}",
    "{{#SenzaInfo.Map}}{{Key}} {{Inner.Deep}} {{Arguments.version}}{{/SenzaInfo.Map}}", "{{#SenzaInfo.Port}}{{.}}{{/SenzaInfo.Port}}",
    "{{#SenzaInfo}}{{#Map}}{{Key}}{{StackName}}{{/Map}}{{/SenzaInfo}}", "{{#Arguments}}{{region}}{{/Arguments}}",
    "a{{! comment }}b", "a\n{{! comment }}\nb", "a\n  {{! comment }}  \nb", "  {{! comment }}\r\nb", "{{!\nlong\ncomment\n}}\nb",
    "a\n{{#SenzaInfo.Yes}}\nx\n{{/SenzaInfo.Yes}}\nb", "a\n\t{{#SenzaInfo.Yes}}\n x\n {{/SenzaInfo.Yes}}\nb\n",
    "a\r\n{{#SenzaInfo.Yes}}\r\nx\r\n{{/SenzaInfo.Yes}}\r\n", "x {{#SenzaInfo.Yes}}\ny\n{{/SenzaInfo.Yes}} z",
    "{{#SenzaInfo.List}}\n- {{.}}\n{{/SenzaInfo.List}}\n", "{{=<% %>=}}<%Arguments.version%> {{x}}",
    "{{=<% %>=}}\n{{x}} <%={{ }}=%>{{Arguments.version}}", "{{= | | =}}|Arguments.version|", "{{=<% %>=}}<%{Arguments.Image}%>",
    "{{=<% %>=}}<%& Arguments.Image %><%#SenzaInfo.Yes%>{{y}}<%/SenzaInfo.Yes%>", "{{Arguments.version", "a {{ b", "}} {{", "{{}}",
    "{ {Arguments.version} }", "{{Arguments.version}}}", "{{{{Arguments.version}}}}", "{{é}} {{ é }}", "{{Arguments.version }}{{Arguments.region}}",
    "{{Arguments.version}} {{Arguments.region}}\n", "${ {{Arguments.version}} }", "{{#SenzaInfo.Yes}}x{{/Arguments}}", "x{{/SenzaInfo}}",
    "{{#Arguments}}{{version}}{{#SenzaInfo.List}}{{/SenzaInfo.List}}{{/Arguments}}", "{{SenzaInfo.StackName}}-{{Arguments.version}}.{{Arguments.region}}",
]
PIECES = ["a", " ", "\n", "  ", "{ ", "}", "<", "'", "text ", "\n\n", "\r\n"]
VARIABLES = ["Arguments.version", "Arguments.Image", "SenzaInfo.Port", "SenzaInfo.List", "Arguments.Empty", "Key", "Missing"]
SECTIONS = ["SenzaInfo.Yes", "SenzaInfo.No", "SenzaInfo.List", "SenzaInfo.Map", "SenzaInfo.NoList", "SenzaInfo.Tags"]


def generate(rng, depth=0):
    out = ""
    for _ in range(rng.randint(1, 6)):
        kind = rng.random()
        if kind < 0.45:
            out += rng.choice(PIECES)
        elif kind < 0.7:
            form = rng.choice(["{{%s}}", "{{ %s }}", "{{{%s}}}", "{{& %s}}"])
            out += form % rng.choices(VARIABLES, [9, 9, 9, 9, 9, 1, 1])[0]
        elif kind < 0.8:
            out += rng.choice(["{{! note }}", "\n{{! note }}\n", "  {{! two\nlines }}"])
        elif depth < 3:
            name = rng.choice(SECTIONS)
            newline = rng.choice(["", "\n"])
            out += newline + rng.choice(["{{#%s}}", "{{^%s}}", "{{# %s }}"]) % name + newline
            out += generate(rng, depth + 1)
            out += newline + "{{/%s}}" % name + newline
    return out


def main():
    rng = random.Random(20)
    templates = HAND + [generate(rng) for _ in range(400)]
    renderer = pystache.Renderer(missing_tags="strict")
    cases = []
    for template in dict.fromkeys(templates):
        try:
            cases.append({"template": template, "output": renderer.render(template, CONTEXT)})
        except Exception as error:
            cases.append({"template": template, "error": type(error).__name__})
    print('{"context": %s,\n"cases": [' % json.dumps(CONTEXT))
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


main()
