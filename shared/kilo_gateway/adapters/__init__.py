"""What the adapters of frameworks need and no framework owns. Knows the gateway's client; knows no framework.

`options` and `settings` are the fields of a model object, `names` the checks of its arguments, `connection` and
`model_object` how it reaches the gateway; `schemas`, `objects` and `media` are rules for what is sent and received.
"""
