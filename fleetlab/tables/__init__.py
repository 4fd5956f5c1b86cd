"""Messages to rows: one module an event family, and what they share."""
