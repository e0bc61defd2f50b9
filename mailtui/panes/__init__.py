"""What joins the store to a widget: one module a pane."""
