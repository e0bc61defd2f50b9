"""Sendmail: the adapter, its parsers, and the scripts that run on hosts."""

from mailtui.mta.contract import Mta
from mailtui.mta.sendmail.adapter import Sendmail

MTA: Mta = Sendmail()
"""The adapter, as the registry finds it."""
