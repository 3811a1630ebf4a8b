"""One call on its way, a file an endpoint: what to send, how to read the answer, what follows an error. Never sends.

`client_base` makes calls and the clients send them; `lookups` has calls of its own kind.
"""

from kilo_gateway.call.chat_call import ChatCall as ChatCall
from kilo_gateway.call.embedding_call import EmbeddingCall as EmbeddingCall
from kilo_gateway.call.fim_call import FimCall as FimCall
from kilo_gateway.call.gateway_call import Answer as Answer
from kilo_gateway.call.gateway_call import GatewayCall as GatewayCall
from kilo_gateway.call.gateway_call import is_unknown_path as is_unknown_path
from kilo_gateway.call.gateway_call import missing_path as missing_path

__all__ = ["Answer", "ChatCall", "EmbeddingCall", "FimCall", "GatewayCall", "is_unknown_path", "missing_path"]
