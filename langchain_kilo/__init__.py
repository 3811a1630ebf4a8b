"""ChatKilo."""
