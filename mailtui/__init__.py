"""The console a mail administrator on call opens first."""

__version__ = "0.1.0"
