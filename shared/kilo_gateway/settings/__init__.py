"""What a client is set up with: one row a setting, and the base URL, headers, key and time bounds behind them.

Other rooms use `settings.settings` (the effective settings), `settings.auth` (the headers of a request and the check of
the key), `settings.base_url`, `settings.headers` and `settings.timeouts`.
"""
