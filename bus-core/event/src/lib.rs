//! Ids, headers and topic names of a case event.
