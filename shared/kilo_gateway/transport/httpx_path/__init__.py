"""httpx as a carrier: the caller's own client, or a stock one where somebody stands in front of httpx.

`httpx2`, the continuation of httpx under another name, has the same public interface and is never imported here. What
httpx does not let us hold is said in docs/http.md: its waits are bounded one by one, and it sends a request to its end
before it looks for an answer.

Other modules of the transport use `httpx_path.blocking` and `httpx_path.looped`.
"""
