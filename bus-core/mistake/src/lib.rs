//! Mistakes in written configuration: all at once, each with its place and cure.
