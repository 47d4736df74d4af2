"""Runs the tap and its commands as processes that are forked from one that has imported them.

Each is a process of its own, with its own files, environment and end; only the third of a second that importing takes
is not paid again, over two thousand runs. What is about starting up has to start a new Python instead.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

AMOUNT = 65536
"""Bytes, as much as is read at once."""
SECONDS = 120
"""How long a process may say nothing."""


def run(program: str, arguments: list[str], env: dict[str, str], folder: Path | None) -> tuple[int, str, str]:
    """Run `main` or `workflow` of the tap; return the exit code, and what came on stdout and stderr."""
    with socket.socket(socket.AF_UNIX) as ours, Path(os.devnull).open() as nothing:
        ours.connect(_nursery())
        (out, theirs_out), (err, theirs_err) = os.pipe(), os.pipe()
        order = {"program": program, "arguments": arguments, "env": env, "folder": str(folder or Path.cwd())}
        socket.send_fds(ours, [json.dumps(order).encode() + b"\n"], [nothing.fileno(), theirs_out, theirs_err])
        os.close(theirs_out)
        os.close(theirs_err)
        process_id = int(ours.recv(AMOUNT))
        try:
            said, logged = _read_all([out, err])
        except TimeoutError:
            os.kill(process_id, signal.SIGKILL)
            raise
        return int(ours.recv(AMOUNT)), said, logged


def _read_all(pipes: list[int]) -> list[str]:
    """Read pipes to their ends."""
    found = dict.fromkeys(pipes, b"")
    still = list(pipes)
    while still:
        ready = select.select(still, [], [], SECONDS)[0]
        if not ready:
            raise TimeoutError
        for pipe in ready:
            piece = os.read(pipe, AMOUNT)
            found[pipe] += piece
            if not piece:
                still.remove(pipe)
                os.close(pipe)
    return [text.decode() for text in found.values()]


@cache
def _nursery() -> str:
    """Start the process that the others are forked from; return the path of its socket."""
    path = str(Path(tempfile.mkdtemp(prefix="tap")) / "socket")
    process = subprocess.Popen(
        [sys.executable, __file__, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,  # all pipes, as they will be for those that are forked: a stream recalls if it can seek
        stderr=subprocess.STDOUT,
    )
    atexit.register(process.wait)
    atexit.register(process.communicate)  # closes its stdin first, at which it ends
    assert process.stdout
    process.stdout.readline()
    return path


def _serve(path: str) -> tuple[str, list[str]]:
    """Fork a process for each that asks, until stdin is closed; return, in that process, what it is to run."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(16)
        print("ready", flush=True)  # noqa: T201
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            if sys.stdin in select.select([server, sys.stdin], [], [])[0]:
                sys.exit()
            asked, _ = server.accept()
            if not os.fork():
                break
            asked.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, files, *_ = socket.recv_fds(asked, AMOUNT, 3)
    while not text.endswith(b"\n"):
        text += asked.recv(AMOUNT)
    if child := os.fork():
        _tell_the_end(child, asked, files)
    asked.close()
    return _become(json.loads(text), files)


def _tell_the_end(child: int, asked: socket.socket, files: list[int]) -> NoReturn:
    """Wait for a process, tell who asked how it ended, and be gone."""
    for number in files:
        os.close(number)
    asked.sendall(str(child).encode())
    _, status = os.waitpid(child, 0)
    asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(order: dict[str, Any], files: list[int]) -> tuple[str, list[str]]:
    """Take on what was asked for: files, environment, folder."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["folder"])
    return order["program"], list(order["arguments"])


if __name__ == "__main__":
    import tap_codat_commerce.__main__ as programs
    import tap_codat_commerce.tap
    import tap_codat_commerce.workflow.cli  # noqa: F401 - what is imported here is there in each

    gc.collect()
    gc.freeze()  # or each collector would copy all of it
    name, rest = _serve(sys.argv[1])
    sys.argv = [programs.__file__, *rest]
    getattr(programs, name)()
