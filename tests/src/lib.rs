//! The black box: what the tests and the benchmark need to run the real executable, play the provider
//! behind it and look at both from outside. Knows the executable only by its command line, its files and
//! its sockets; never links its code. (Only the wire formats of `protocol` are shared, for fault tests.)

pub mod proc;
