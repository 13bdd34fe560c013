//! The connector runtime.
