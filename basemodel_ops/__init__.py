"""From raw behavioural tables to one foundation model and its answers, straight from the warehouse."""

__version__ = "0.1.0"
