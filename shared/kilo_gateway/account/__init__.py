"""What the gateway tells of an account: its balance, and the models that it is meant to begin with. Asks nothing.

Other rooms use `account.balance` and `account.defaults`.
"""
