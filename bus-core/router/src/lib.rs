//! The router's loop.
