"""What a call and a chunk cost, ours beside the nearest packages, in one run on one machine: `make bench`."""
