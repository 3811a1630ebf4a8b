"""What the adapters of frameworks need and no framework owns. Knows the gateway's client; knows no framework.

`fields` holds the fields of model objects and `model_object` what they do with them; `arguments`, `embedding` and
`secrets` are the rules for their arguments, `client_pair` is how they reach the gateway. `schemas`, `forced_tools`,
`objects`, `media` and `sent_back` are rules for what is sent and received, `copies` makes a framework's objects fast,
`wrapped_stream` is a stream around another, `costs` and `shown_costs` tell trackers and tracers what was paid. Adapters
use any of them.
"""
