"""Writes the golden files of tests/clickclick.rs with the original table printer.

Run in a virtual environment with `pip install clickclick==20.10.2 'click==8.1.8' PyYAML==6.0.3`:
    python make.py tables.json
"""
import contextlib
import datetime
import io
import json
import random
import sys
import time

import click._compat
import click.utils
from clickclick import console

NOW = 1_500_000_000
random.seed(20102)


console.get_now = lambda: datetime.datetime.fromtimestamp(NOW)
console.time.time = lambda: NOW

NAMES = ['id', 'team_id', 'last_modified_time', 'creation_time', 'x1y_z', 'Name', '4xx_percentage', 'active', 'größe']
TEXTS = ['', 'kio', 'order-engine', 'ERROR', 'CREATE_COMPLETE', 'yes', '42', '1.0', 'null', 'a: b', '- x', "it's", '"q"', 'Più größer',
         'x' * 40, 'words with blanks', '#', ' leading', 'trailing ', '{}', '\\', 'ctrl\u0001\u007f', 'é' * 10, '😀']
STYLES = {'ERROR': {'fg': 'red', 'bold': True}, 'CREATE_COMPLETE': {'fg': 'green'}, 'kio': {'bold': True}}


def narrow(text):
    """Text whose display cells are its code points, so that the original's measure is ours."""
    return all(c.isprintable() and c != '😀' for c in text)


def value(name, text_table):
    kind = random.randrange(8)
    if name.endswith('_time'):
        if kind < 5:
            return NOW - random.choice([0, 1, 69, 70, 71, 899, 900, 3599, 3600, 3601, 5400.5, 176400, 176401, 1e7, -5, NOW])
        return random.choice([None, 'yesterday', ''])
    if kind == 0:
        return None
    if kind == 1:
        return random.choice([True, False])
    if kind == 2:
        return random.choice([0, 1, -1, 42, 10 ** 18, -(2 ** 63), 2 ** 64 - 1])
    if kind == 3:
        return random.choice([0.0, -0.0, 1.0, 0.5, 0.001, 0.0001, 1e-05, 1e22, 1e16, 123456789.125, -2.5, 1.7976931348623157e308])
    if kind == 4 and not text_table:
        return random.choice([[], [1, 'b'], {'k': None, 'a': [1.5]}, {}])
    return random.choice([t for t in TEXTS if not text_table or narrow(t)])


def tables():
    for number in range(60):
        columns = random.sample(NAMES, random.randint(0 if number == 7 else 1, len(NAMES)))
        # clickclick writes lists and maps as Python literals and measures code points: those cells are for JSON and YAML only.
        text_table = number % 3 != 0
        rows = []
        for _ in range(random.choice([0, 1, 2, 5])):
            row = {name: value(name, text_table) for name in columns if random.random() < 0.9}
            row['not_a_column'] = 'x'
            rows.append(row)
        yield {
            'columns': columns,
            'rows': rows,
            'titles': {name: random.choice(['Ver.', 'A longer title', 'Größe']) for name in columns if random.random() < 0.3},
            'max_widths': {name: random.choice([2, 3, 5, 20]) for name in columns if random.random() < 0.3},
            'is_text': text_table,
        }


def render(table, output_format, terminal):
    click.utils.should_strip_ansi = lambda *_: not terminal
    out = io.StringIO()
    with contextlib.redirect_stdout(out), console.OutputFormat(output_format):
        console.print_table(table['columns'], table['rows'], styles=STYLES, titles=table['titles'],
                            max_column_widths=table['max_widths'])
    return out.getvalue()


def main(path):
    cases = []
    for table in tables():
        expected = {name: render(table, name, False) for name in ('json', 'yaml')}
        if table['is_text']:
            expected.update(text=render(table, 'text', False), tsv=render(table, 'tsv', False),
                            terminal=render(table, 'text', True))
        cases.append({**table, 'expected': expected})
    with open(path, 'w') as file:
        json.dump({'now': NOW, 'cases': cases}, file, indent=1)
        file.write('\n')


main(sys.argv[1])
