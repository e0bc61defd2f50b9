"""The one filter language (contract.md): every list, log and `--where` reads it here."""

from mailtui.query.matching import Query, names, parse
from mailtui.query.syntax import FilterError, literal

__all__ = ["FilterError", "Query", "literal", "names", "parse"]
