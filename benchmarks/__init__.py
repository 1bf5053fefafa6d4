"""What cellctl costs, beside the naive way of doing the same: `python -m benchmarks` rewrites docs/benchmarks.md."""
