//! The compiled form of a writer schema.
