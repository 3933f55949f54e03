"""Rows in bulk, so that pages can be tried and measured as they are after years of use."""
