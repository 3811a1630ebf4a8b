"""What can go wrong: every error this package raises, one class for each thing that a caller does differently.

KiloError
├── SetupError (also ValueError)   raised before anything was sent: mend the call
│   ├── MissingKeyError            get a key
│   ├── InvalidSettingError        mend a constructor argument or an environment variable
│   ├── InvalidModelError          mend the model ref
│   └── InvalidRequestError        mend messages, tools or options
├── TransportError                 no answer arrived
│   ├── ConnectionFailedError      mend the network, the proxy or the base URL
│   └── RequestTimeoutError        wait longer, or ask for less
├── GatewayError                   the gateway answered with an error
│   ├── BadRequestError            400, 405, 422, a redirect, and any 4xx without a better class: mend the request
│   │   ├── ContextLengthError     more tokens than the model takes, in any status: shorten
│   │   └── RequestTooLargeError   413, or more bytes than the gateway takes in any status: send less
│   ├── AuthenticationError        401: mend the key
│   ├── InsufficientCreditsError   402: add credits
│   ├── PermissionDeniedError      403, or a policy in any status: ask who set the policy
│   ├── NotFoundError              404: mend the base URL or the provider routing
│   │   └── ModelNotFoundError     choose another model
│   ├── ConflictError              409
│   ├── RateLimitError             429, or a quota in any status: wait
│   └── ServerError                5xx, or an error inside a 200 that names no status: try again or report
│       └── ServiceUnavailableError  408, 502, 503, 504, 520-524, 529: try again
├── BatchStoppedError              a batch ended early: see its reason, then resume
│   └── BudgetExceededError        raise the budget, or be content
└── AnswerError                    an answer arrived that cannot be trusted
    ├── MalformedAnswerError       not what the API promises: HTML, nothing, broken JSON
    └── TruncatedStreamError       the answer stopped before its finish reason

The other files read error answers (`bodies`, `facts`, `text`), choose the class (`verdicts`), write what a person reads
(`messages`), take secrets out (`redaction`) and decide whether to try again (`waits`).
"""

from kilo_gateway.errors.base import Advice as Advice
from kilo_gateway.errors.base import KiloError as KiloError
from kilo_gateway.errors.tree import GET_A_KEY as GET_A_KEY
from kilo_gateway.errors.tree import AnswerError as AnswerError
from kilo_gateway.errors.tree import AuthenticationError as AuthenticationError
from kilo_gateway.errors.tree import BadRequestError as BadRequestError
from kilo_gateway.errors.tree import BatchStoppedError as BatchStoppedError
from kilo_gateway.errors.tree import BudgetExceededError as BudgetExceededError
from kilo_gateway.errors.tree import ConflictError as ConflictError
from kilo_gateway.errors.tree import ConnectionFailedError as ConnectionFailedError
from kilo_gateway.errors.tree import ContextLengthError as ContextLengthError
from kilo_gateway.errors.tree import GatewayError as GatewayError
from kilo_gateway.errors.tree import InsufficientCreditsError as InsufficientCreditsError
from kilo_gateway.errors.tree import InvalidModelError as InvalidModelError
from kilo_gateway.errors.tree import InvalidRequestError as InvalidRequestError
from kilo_gateway.errors.tree import InvalidSettingError as InvalidSettingError
from kilo_gateway.errors.tree import MalformedAnswerError as MalformedAnswerError
from kilo_gateway.errors.tree import MissingKeyError as MissingKeyError
from kilo_gateway.errors.tree import ModelNotFoundError as ModelNotFoundError
from kilo_gateway.errors.tree import NotFoundError as NotFoundError
from kilo_gateway.errors.tree import PermissionDeniedError as PermissionDeniedError
from kilo_gateway.errors.tree import RateLimitError as RateLimitError
from kilo_gateway.errors.tree import RequestTimeoutError as RequestTimeoutError
from kilo_gateway.errors.tree import RequestTooLargeError as RequestTooLargeError
from kilo_gateway.errors.tree import ServerError as ServerError
from kilo_gateway.errors.tree import ServiceUnavailableError as ServiceUnavailableError
from kilo_gateway.errors.tree import SetupError as SetupError
from kilo_gateway.errors.tree import StopReason as StopReason
from kilo_gateway.errors.tree import TransportError as TransportError
from kilo_gateway.errors.tree import TruncatedStreamError as TruncatedStreamError

__all__ = [
    "GET_A_KEY",
    "Advice",
    "AnswerError",
    "AuthenticationError",
    "BadRequestError",
    "BatchStoppedError",
    "BudgetExceededError",
    "ConflictError",
    "ConnectionFailedError",
    "ContextLengthError",
    "GatewayError",
    "InsufficientCreditsError",
    "InvalidModelError",
    "InvalidRequestError",
    "InvalidSettingError",
    "KiloError",
    "MalformedAnswerError",
    "MissingKeyError",
    "ModelNotFoundError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "RequestTooLargeError",
    "ServerError",
    "ServiceUnavailableError",
    "SetupError",
    "StopReason",
    "TransportError",
    "TruncatedStreamError",
]
