"""The live page of `kilo-gateway serve`: what a chain sends, what became of it on the way, what came back.

Other rooms use `watch.WatchedApp`, `board.Board` and `upstream.UpstreamApp`. Shows what passes; never keeps a key, and
answers no other site.
"""
