"""One HTTP exchange: the only room that knows HTTP libraries, connections, and what their failures mean.

Other rooms use `transport.exchange` and `transport.connections`.
"""
