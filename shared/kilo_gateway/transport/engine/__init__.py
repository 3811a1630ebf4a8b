"""An HTTP/1.1 client of our own over httptools (llhttp), for direct connections; docs/http.md tells what it decides.

Other modules of the transport use `engine.blocking`, `engine.looped` and `engine.fitness`. It has no HTTP/2, no proxies
and no upgrades, and sends a request once.
"""
