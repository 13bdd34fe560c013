//! Whether a schema may follow others.
