//! Framing, the span walk, views, the registry client.
