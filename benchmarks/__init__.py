"""Client CPU per streamed chunk and per call, as ratios within one run. Run with `make bench`."""
