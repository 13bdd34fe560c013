//! The connector of one agency, as data.
