//! From what is known about a case and the rows of one reading to a plan; pure.
