//! The fault matrix: every fault, before and after the first content, for clients of four dialects. Before it the
//! other provider answers and nobody notices; after it the stream ends soon, with an error of the client's dialect
//! and never as if it were complete; and each call is on record once, with what it was given. The table is printed.

mod bytes;
mod inbound;
mod processes;
mod record;
mod table;
mod upstreams;
