"""What the forwarder costs, beside what others do and the least that is possible: `make bench`.

One run measures all of them on the same batches, in turns, and compares ratios: absolute times
move from machine to machine. Nothing here is asserted by the tests but that each contender
delivers every event.
"""
