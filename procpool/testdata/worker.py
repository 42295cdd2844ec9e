"""A worker of a Trestle process pool in Python: one file, standard library only.

It speaks docs/worker-protocol.md with values in JSON. To make a worker of your
own, write functions that take a Job and an argument, and register them:

    @function("square")
    def square(job, n):
        return n * n

A bytes argument or result crosses as it is.
"""

import json
import os
import queue
import signal
import struct
import sys
import threading
import time
import traceback

HELLO, WELCOME, READY, JOB, RESULT, FAILURE, PROGRESS, CALL, REPLY, REFUSAL, CANCEL, RECALL, RETURNED, RETIRE = range(1, 15)
ENCODED, RAW, ENCODING, DEADLINE = 0, 1, 3, 4
HEADER = struct.Struct(">IBBHQ")  # payload length, type, flags, name length, id

functions = {}


def function(name):
    def register(f):
        functions[name] = f
        return f
    return register


class Canceled(Exception):
    """The job was asked to stop."""


class Remote(Exception):
    """A function of the pool's process failed."""


class Job:
    def __init__(self, worker, id, name, limit, arg):
        self.worker, self.id, self.name, self.limit, self.arg = worker, id, name, limit, arg
        self.canceled = threading.Event()
        self.code = "canceled"  # or "deadline"

    def check(self):
        if self.canceled.is_set():
            raise Canceled(self.code)

    def sleep(self, seconds):
        self.canceled.wait(seconds)
        self.check()

    def progress(self, value):
        self.worker.send_value(PROGRESS, self.id, value)

    def call_parent(self, name, arg):
        return self.worker.call(self, name, arg)


def connection():
    """The descriptors to read from and to write to."""
    pipes = os.environ.pop("TRESTLE_PROCPOOL_PIPES", "")
    if not pipes:
        os.set_inheritable(3, False)
        return 3, 3
    import msvcrt
    handles = [int(h) for h in pipes.split(",")]
    for h in handles:
        os.set_handle_inheritable(h, False)
    return msvcrt.open_osfhandle(handles[0], os.O_RDONLY | os.O_BINARY), msvcrt.open_osfhandle(handles[1], os.O_BINARY)


class Worker:
    def __init__(self):
        self.reading, self.writing = connection()
        self.write_lock = threading.Lock()
        self.lock = threading.Lock()  # guards the next three
        self.running = None
        self.waiting = []
        self.calls = {}
        self.last_call = 0
        self.wake = queue.SimpleQueue()  # one item for each job in waiting, or None to end
        self.max_payload = 0

    # Frames.

    def read_exactly(self, n):
        parts = bytearray()
        while len(parts) < n:
            part = os.read(self.reading, min(n - len(parts), 1 << 20))
            if not part:
                self.pool_gone()
            parts += part
        return bytes(parts)

    def read(self):
        size, type, flags, name_size, id = HEADER.unpack(self.read_exactly(HEADER.size))
        payload = self.read_exactly(size)
        return type, flags, id, payload[:name_size].decode(), payload[name_size:]

    def send(self, type, id=0, body=b"", flags=0, name=""):
        name = name.encode()
        frame = memoryview(HEADER.pack(len(name) + len(body), type, flags, len(name), id) + name + body)
        with self.write_lock:
            while frame:
                frame = frame[os.write(self.writing, frame):]

    def encode(self, value):
        flags, body = (RAW, bytes(value)) if isinstance(value, (bytes, bytearray)) else (ENCODED, json.dumps(value).encode())
        if len(body) > self.max_payload:
            raise ValueError("%d bytes, at most %d may be sent" % (len(body), self.max_payload))
        return flags, body

    def send_value(self, type, id, value, name=""):
        flags, body = self.encode(value)
        self.send(type, id, body, flags, name)

    def decode(self, flags, body):
        return body if flags & ENCODING == RAW else json.loads(body)

    def send_failure(self, id, code, error):
        stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        failure = {"code": code, "type": type(error).__name__, "message": str(error), "stack": stack}
        self.send(FAILURE, id, json.dumps(failure).encode())

    # Life.

    def pool_gone(self):
        if hasattr(os, "getpgrp") and os.getpgrp() == os.getpid():  # on Windows there is a job object for it
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    def main(self):
        hello = {"protocol": 1, "pid": os.getpid(), "program": "worker.py", "codecs": ["json"], "shared": False}
        hello.update(json.loads(os.environ.get("WORKER_PY_HELLO", "{}")))  # for tests
        self.send(HELLO, body=json.dumps(hello).encode())
        type, _, _, _, body = self.read()
        welcome = json.loads(body)
        if type != WELCOME or welcome.get("error"):
            sys.exit("worker.py: refused: %s" % welcome.get("error"))
        self.max_payload = welcome["max_payload"]
        self.send(READY, body=b"{}")
        threading.Thread(target=self.listen, daemon=True).start()
        while True:
            job = self.wake.get()
            if job is None:
                sys.stdout.flush()
                os._exit(0)
            with self.lock:
                if job not in self.waiting:  # it was called back
                    continue
                self.waiting.remove(job)
                self.running = job
            self.run(job)

    def listen(self):
        try:
            while True:
                self.heard(*self.read())
        except OSError:
            self.pool_gone()

    def heard(self, type, flags, id, name, body):
        if type == JOB:
            limit, = struct.unpack(">Q", body[:8])
            job = Job(self, id, name, limit / 1e6, (flags, body[8:]))
            with self.lock:
                self.waiting.append(job)
            self.wake.put(job)
        elif type == CANCEL:
            with self.lock:
                for job in [self.running] + self.waiting:
                    if job and job.id == id:
                        job.code = "deadline" if flags & DEADLINE else "canceled"
                        job.canceled.set()
        elif type == RECALL:
            with self.lock:
                recalled = [job for job in self.waiting if job.id == id]
                self.waiting = [job for job in self.waiting if job.id != id]
                if recalled:  # written before the next job can begin
                    self.send(RETURNED, id)
        elif type in (REPLY, REFUSAL):
            with self.lock:
                answer = self.calls.pop(id, None)
            if answer:
                answer.put((type, flags, body))
        elif type == RETIRE:
            self.wake.put(None)
        else:
            os._exit(1)

    def run(self, job):
        try:
            f = functions.get(job.name)
            if f is None:
                outcome = ("unknown", KeyError(job.name))
            else:
                try:
                    arg = self.decode(*job.arg)
                except ValueError as e:
                    outcome = ("decode", e)
                else:
                    job.check()
                    value = f(job, arg)
                    try:
                        outcome = (None, self.encode(value))
                    except (TypeError, ValueError) as e:
                        outcome = ("encode", e)
        except Canceled as e:
            outcome = (job.code, e)
        except Exception as e:
            outcome = ("error", e)
        with self.lock:
            self.running = None
        code, value = outcome
        sys.stdout.flush()
        if code is None:
            self.send(RESULT, job.id, value[1], value[0])
        else:
            self.send_failure(job.id, code, value)

    def call(self, job, name, arg):
        answer = queue.SimpleQueue()
        with self.lock:
            self.last_call += 1
            id = self.last_call
            self.calls[id] = answer
        self.send_value(CALL, id, arg, name)
        while True:
            job.check()
            try:
                type, flags, body = answer.get(timeout=0.05)
                break
            except queue.Empty:
                pass
        if type == REFUSAL:
            raise Remote(json.loads(body)["message"])
        return self.decode(flags, body)


# What the tests of the package call.

@function("square")
def square(job, n):
    return n * n


@function("pid")
def pid(job, _):
    return os.getpid()


@function("echo")
def echo(job, data):
    return data


@function("fail")
def fail(job, how):
    raise RuntimeError(how)


@function("exit")
def exit(job, code):
    os._exit(code)


@function("sleep")
def sleep(job, nanoseconds):
    job.sleep(nanoseconds / 1e9)
    return "slept"


@function("sleepOn")
def sleep_on(job, nanoseconds):
    time.sleep(nanoseconds / 1e9)
    return "slept"


@function("say")
def say(job, said):
    os.write(1, said["Out"].encode())
    os.write(2, said["Err"].encode())
    return {}


@function("count")
def count(job, to):
    for n in range(1, to + 1):
        job.progress(n)
    return to


@function("ask")
def ask(job, n):
    return job.call_parent("double", n)


@function("environ")
def environ(job, _):
    return {"Env": ["%s=%s" % e for e in os.environ.items()], "Args": sys.argv, "Dir": os.getcwd()}


@function("unencodable")
def unencodable(job, _):
    return object()


if __name__ == "__main__":
    Worker().main()
