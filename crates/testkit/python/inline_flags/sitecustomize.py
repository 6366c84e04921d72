"""Lets Python 3.11 and later take regular expressions whose global inline flags follow blanks, as earlier Pythons did.

Put its directory into PYTHONPATH for programs that were written for those; they themselves stay as they are.
"""

import re
import re._parser

_LATE_FLAGS = re.compile(r"\s+(\(\?[aiLmsux]+\))")
_parse = re._parser.parse


def parse(pattern, flags=0, state=None):
    late = _LATE_FLAGS.match(pattern) if isinstance(pattern, str) else None
    if late:
        pattern = late.group(1) + pattern[: late.start(1)] + pattern[late.end(1) :]
    return _parse(pattern, flags, state)


re._parser.parse = parse
