//! A real broker and registry for the tests.
