"""Runs commands of the original senza, each in a process of its own, and prints what they answered as JSON.

The first argument is a JSON list of argument lists, the second, if any, what each command is given on stdin. Importing the original takes longer than running it: that is done once.
"""
import io
import json
import os
import sys
import traceback
import warnings

warnings.filterwarnings("ignore")

import senza.cli


def run(arguments):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
        sys.stdin = io.StringIO(sys.argv[2] if len(sys.argv) > 2 else "")
        sys.argv = ["senza", *arguments]
        code = 0
        try:
            senza.cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException:  # from Python 3.10 on its own error handling fails
            traceback.print_exc()
            code = 1
        answer = {"exit_code": code, "stdout": sys.stdout.getvalue(), "stderr": sys.stderr.getvalue()}
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = json.load(pipe)
    os.waitpid(child, 0)
    return answer


print(json.dumps([run(arguments) for arguments in json.loads(sys.argv[1])]))
