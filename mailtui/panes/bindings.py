"""From the key table to Textual's bindings."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from mailtui import keys


def bindings(*scopes: keys.Scope) -> list[BindingType]:
    """Give the bindings of these scopes; each carries its id, so that `keys:` can remap it."""
    return [
        Binding(
            key.keys,
            key.action,
            key.title,
            show=bool(key.footer),
            tooltip=key.help or key.title,
            id=key.id,
            key_display=keys.spelled(key.keys).split(" ")[0],
        )
        for key in sorted(keys.of(*scopes), key=lambda key: key.footer or 99)
    ]
