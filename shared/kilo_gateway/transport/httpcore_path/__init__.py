"""httpcore's connections over our own sockets, with a free list instead of its pool, as a carrier.

The pool looks at every idle connection for every request, and hands one on without looking for bytes behind the answer.

Other modules of the transport use `httpcore_path.blocking` and `httpcore_path.looped`.
"""
