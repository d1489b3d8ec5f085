"""What machines are taken to cost, in dollars an hour; assumed, and the only place that says so."""

# What clouds ask for one H100, and for a core with its memory.
GPU_HOUR, CORE_HOUR = 2.5, 0.04
