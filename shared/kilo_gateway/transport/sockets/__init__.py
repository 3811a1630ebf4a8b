"""Sockets of our own under httpcore's connections: every wait bounded, early answers seen, left without an await.

Other modules of the transport use `sockets.backends`. Steps are generators that yield a `Wait` and are sent whether it
came true, so that one implementation serves threads, asyncio and trio.
"""
