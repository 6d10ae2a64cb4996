//! The stream table of a data connection (pure).
