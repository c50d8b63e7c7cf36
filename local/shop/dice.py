"""Chance with a seed."""

from random import Random


class Dice(Random):
    """Throws the same for the same seed."""

    def one_in(self, count: int) -> bool:
        """Be true one time in so many."""
        return self.randrange(count) == 0
