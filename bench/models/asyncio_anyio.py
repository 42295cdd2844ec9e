"""What asyncio, on its own loop or on uvloop, anyio and concurrent.futures take for
the work of Trestle's benchmarks. The argument names the loop: asyncio or uvloop."""

import asyncio
import concurrent.futures
import sys
import threading

from measure import measure

PATIENCE = 60
DEPTH = 1000


async def add(a, b):
    return a + b


class OnLoop:
    """The work, from outside of a loop that a thread of its own runs."""

    def __init__(self, loop):
        self.loop = loop
        threading.Thread(target=loop.run_forever, daemon=True).start()

    def wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def round_trip(self, n):
        for i in range(n):
            self.wait(add(i, 1))

    def post(self, n):
        done = threading.Event()
        left = n

        def call():
            nonlocal left
            left -= 1
            if left == 0:
                done.set()

        for _ in range(n):
            self.loop.call_soon_threadsafe(call)
        done.wait(PATIENCE)

    def to_thread(self, n):
        async def work():
            for _ in range(n):
                await asyncio.to_thread(int, 1)

        self.wait(work())

    def yields(self, n):
        async def work():
            for _ in range(n):
                await asyncio.sleep(0)

        self.wait(work())

    def call_later(self, n):
        async def work():
            done = self.loop.create_future()
            left = n

            def call():
                nonlocal left
                left -= 1
                if left == 0:
                    done.set_result(None)

            for _ in range(n):
                self.loop.call_later(0, call)
            await done

        self.wait(work())


def processes():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:

        def round_trip(n):
            for _ in range(n):
                pool.submit(int, 1).result(PATIENCE)

        def pipelined(n):
            for begin in range(0, n, DEPTH):
                kept = [pool.submit(int, 1) for _ in range(begin, min(begin + DEPTH, n))]
                for result in kept:
                    result.result(PATIENCE)

        measure("python/process-round-trip", round_trip, 1000)
        measure("python/process-pipelined", pipelined, 3000)


def portal():
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as p:

        def round_trip(n):
            for i in range(n):
                p.call(add, i, 1)

        measure("anyio/round-trip", round_trip, 3000)


def main(name):
    if name == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        processes()  # before there are threads
        portal()
        loop = asyncio.new_event_loop()
    work = OnLoop(loop)
    measure(f"{name}/round-trip", work.round_trip, 3000)
    measure(f"{name}/post", work.post, 50000)
    measure(f"{name}/to-thread", work.to_thread, 3000)
    measure(f"{name}/yield", work.yields, 50000)
    measure(f"{name}/call-later", work.call_later, 30000)


if __name__ == "__main__":
    main(sys.argv[1])
