//! What a broken connection means: was anything processed, whose fault is it, is another try sensible.
//!
//! The kind says how far the call came: [`FailureKind::Unreachable`] = surely unprocessed,
//! [`FailureKind::Interrupted`] = it may have been. Messages name the host, never a path, a key or a
//! proxy's password.

use super::connector::ConnectError;
use super::resolve::ResolveError;
use http::Uri;
use hyper_util::client::legacy;
use protocol::model::{Failure, FailureKind, Retry};
use std::error::Error;
use std::io;

type Cause<'a> = &'a (dyn Error + 'static);

/// A URI's host, with its port when it names one.
pub(super) fn host(uri: &Uri) -> String {
    let name = uri.host().unwrap_or("(no host)");
    uri.port_u16().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// No answer head came.
pub(super) fn before(error: &legacy::Error, host: &str) -> Failure {
    if let Some(connect) = find::<ConnectError>(error) {
        return connecting(connect, host);
    }
    match find::<hyper::Error>(error) {
        Some(e) => exchanging(e, host),
        None => Failure::new(
            FailureKind::Unreachable,
            format!("no connection to {host} could be used: {}", deepest(error)),
        ),
    }
}

/// The answer's body broke off.
pub(super) fn during(error: &hyper::Error, host: &str) -> Failure {
    let what = format!("the answer of {host} broke off: {}", deepest(error));
    Failure::new(FailureKind::Interrupted, what)
}

/// Nothing was sent.
fn connecting(error: &ConnectError, host: &str) -> Failure {
    let elsewhere = |message: String| {
        // The same thing would happen again at once.
        let mut failure = Failure::new(FailureKind::Unreachable, message);
        failure.retry = Retry::Elsewhere;
        failure
    };
    match error {
        ConnectError::Timeout { .. } => elsewhere(format!("{host}: {error}")),
        ConnectError::Proxy { proxy, source } => {
            elsewhere(format!("the proxy {proxy} on the way to {host} failed: {}", deepest(source.as_ref())))
        }
        ConnectError::Failed { source } => {
            let source: Cause<'_> = source.as_ref();
            if let Some(unresolved) = find::<ResolveError>(source) {
                elsewhere(unresolved.to_string())
            } else if let Some(tls) = find::<rustls::Error>(source) {
                elsewhere(format!("TLS with {host} failed: {tls}"))
            } else {
                refused(source, host)
            }
        }
    }
}

fn refused(source: Cause<'_>, host: &str) -> Failure {
    let denied = find::<io::Error>(source).is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied);
    let message = if denied {
        format!("connecting to {host} is denied by the sandbox or a firewall of this machine")
    } else {
        format!("cannot connect to {host}: {}", deepest(source))
    };
    Failure::new(FailureKind::Unreachable, message)
}

/// There was a connection.
fn exchanging(error: &hyper::Error, host: &str) -> Failure {
    use FailureKind as K;
    if error.is_user() || error.is_body_write_aborted() {
        Failure::new(K::Cancelled, "the request's body broke off")
    } else if error.is_parse() {
        Failure::new(K::BadAnswer, format!("{host} answered with something that is not HTTP"))
    } else if error.is_canceled() || surely_unprocessed(error) {
        Failure::new(K::Unreachable, format!("the connection to {host} closed before the call was taken"))
    } else {
        let what = format!("the connection to {host} broke before an answer: {}", deepest(error));
        Failure::new(K::Interrupted, what)
    }
}

/// HTTP/2 says so: a refused stream, or one above the last that a graceful shutdown will serve
/// (RFC 9113, 8.7 and 6.8).
fn surely_unprocessed(error: &hyper::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|e| {
        let refused = e.is_reset() && e.reason() == Some(h2::Reason::REFUSED_STREAM);
        let graceful = e.is_go_away() && e.is_remote() && e.reason() == Some(h2::Reason::NO_ERROR);
        refused || graceful
    })
}

/// The causes from the outside in. An `io::Error` hides the error it wraps from `source`.
fn causes<'a>(error: Cause<'a>) -> impl Iterator<Item = Cause<'a>> {
    std::iter::successors(Some(error), |e: &Cause<'a>| {
        let e: Cause<'a> = *e;
        let wrapped = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map_or_else(|| e.source(), |w| Some(w as Cause<'a>))
    })
}

fn find<'a, T: Error + 'static>(error: Cause<'a>) -> Option<&'a T> {
    causes(error).find_map(|e| e.downcast_ref::<T>())
}

/// What it all comes down to, in one line.
fn deepest(error: Cause<'_>) -> String {
    let said = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    // `Connection refused (os error 111)`: the number helps nobody who reads this.
    match said.find(" (os error ") {
        Some(at) => said[..at].to_lowercase(),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_cause_is_found_through_io_errors() {
        let tls = rustls::Error::HandshakeNotComplete;
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert!(matches!(find::<rustls::Error>(&wrapped), Some(rustls::Error::HandshakeNotComplete)));
        assert_eq!(deepest(&io::Error::from_raw_os_error(111)), "connection refused");
    }

    #[test]
    fn a_host_is_named_with_the_port_it_was_given() {
        assert_eq!(host(&Uri::from_static("https://api.example.com/v1?key=secret")), "api.example.com");
        assert_eq!(host(&Uri::from_static("http://u:p@127.0.0.1:9/v1")), "127.0.0.1:9");
    }

    #[test]
    fn a_connection_that_cannot_be_made_says_that_nothing_was_processed() {
        let limit = std::time::Duration::from_millis(1500);
        let slow = connecting(&ConnectError::Timeout { limit }, "h");
        assert_eq!((slow.kind, slow.retry), (FailureKind::Unreachable, Retry::Elsewhere));
        assert_eq!(slow.message, "h: connecting took longer than 1500 ms");
        let source = Box::new(io::Error::from_raw_os_error(111));
        let refused = connecting(&ConnectError::Failed { source }, "h:1");
        assert_eq!((refused.kind, refused.retry), (FailureKind::Unreachable, Retry::Anywhere));
        assert_eq!(refused.message, "cannot connect to h:1: connection refused");
        let source = Box::new(io::Error::from_raw_os_error(13));
        assert!(connecting(&ConnectError::Failed { source }, "h:1").message.contains("sandbox"));
    }
}
