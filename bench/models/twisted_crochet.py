"""What crochet and Twisted take for the work of Trestle's benchmarks."""

import threading

from crochet import run_in_reactor, setup
from twisted.internet import defer, reactor, task, threads

from measure import measure

PATIENCE = 60
DEPTH = 1000


@run_in_reactor
def add(a, b):
    return a + b


def round_trip(n):
    for i in range(n):
        add(i, 1).wait(PATIENCE)


def pipelined(n):
    for begin in range(0, n, DEPTH):
        kept = [add(i, 1) for i in range(begin, min(begin + DEPTH, n))]
        for result in kept:
            result.wait(PATIENCE)


def wait_finished(n):
    result = add(1, 1)
    result.wait(PATIENCE)
    for _ in range(n):
        result.wait(PATIENCE)


def post(n):
    done = threading.Event()
    left = n

    def call():
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    for _ in range(n):
        reactor.callFromThread(call)
    done.wait(PATIENCE)


def on_reactor(function):
    """Has function(n), which returns a Deferred, run on the reactor."""

    def run(n):
        run_in_reactor(function)(n).wait(PATIENCE)

    return run


@on_reactor
@defer.inlineCallbacks
def defer_to_thread(n):
    for _ in range(n):
        yield threads.deferToThread(int, 1)


@on_reactor
@defer.inlineCallbacks
def await_fired(n):
    for _ in range(n):
        yield defer.succeed(1)


@on_reactor
def deferred_link(n):
    for _ in range(0, n, DEPTH):
        d = defer.Deferred()
        for _ in range(DEPTH):
            d.addCallback(lambda value: value)
        d.callback(1)
    return d


@on_reactor
def call_later(n):
    done = defer.Deferred()
    left = n

    def call():
        nonlocal left
        left -= 1
        if left == 0:
            done.callback(None)

    for _ in range(n):
        reactor.callLater(0, call)
    return done


def coiterate(tasks):
    def steps(n):
        for _ in range(n):
            yield

    return on_reactor(lambda n: defer.gatherResults([task.coiterate(steps(n // tasks)) for _ in range(tasks)]))


def main():
    setup()
    measure("crochet/round-trip", round_trip, 3000)
    measure("crochet/pipelined", pipelined, 10000)
    measure("crochet/wait-finished", wait_finished, 50000)
    measure("twisted/post", post, 50000)
    measure("twisted/defer-to-thread", defer_to_thread, 3000)
    measure("twisted/await-fired", await_fired, 50000)
    measure("twisted/deferred-link", deferred_link, 50000)
    measure("twisted/call-later", call_later, 30000)
    measure("twisted/coiterate-1", coiterate(1), 50000)
    measure("twisted/coiterate-1000", coiterate(1000), 100000)


if __name__ == "__main__":
    main()
