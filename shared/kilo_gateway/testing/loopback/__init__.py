"""An HTTP server on this machine in a thread of its own, for any application. Binds nothing but 127.0.0.1.

Other rooms use `server.LoopbackServer` and `connection.connection_of`.
"""
