//! Vendors are rows of data.
