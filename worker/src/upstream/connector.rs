//! One connection to a destination: name, TCP, proxy, TLS, all within one time limit.

use super::classify::host;
use super::resolve::Resolver;
use super::route::{Routes, Way, with_port};
use super::{UpstreamError, tls};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
type Tcp = HttpConnector<Resolver>;
/// TCP, or TLS to a proxy.
type HopStream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Probes on an idle connection, so that one whose peer vanished is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// When and how fast a connection was made; found in the extensions of every response that came over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Established {
    /// The connection was ready.
    pub at: Instant,
    /// Name, TCP, proxy and TLS together.
    pub took: Duration,
}

/// Why there is no connection. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("connecting took longer than {} ms", .limit.as_millis())]
    Timeout { limit: Duration },
    /// The proxy's own host, and what went wrong on the way to or at it.
    #[error("the proxy {proxy} failed")]
    Proxy { proxy: String, source: BoxError },
    #[error("the connection failed")]
    Failed { source: BoxError },
}

/// Makes connections for the pool.
#[derive(Clone)]
pub(super) struct Connector {
    routes: Arc<Routes>,
    https: HttpsConnector<Hop>,
    limit: Option<Duration>,
}

impl Connector {
    /// `limit` bounds one connection from its name to its last handshake; `None` = the system's own.
    pub(super) fn new(
        routes: Arc<Routes>,
        roots: tls::Roots,
        limit: Option<Duration>,
    ) -> Result<Self, UpstreamError> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::default());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        let (destination, proxy) = tls::configs(roots)?;
        let to_proxy = HttpsConnector::from((tcp.clone(), proxy));
        let hop = Hop { routes: Arc::clone(&routes), tcp, to_proxy };
        Ok(Self { routes, https: HttpsConnector::from((hop, destination)), limit })
    }
}

impl Service<Uri> for Connector {
    type Response = Wire;
    type Error = ConnectError;
    type Future = BoxFuture<Wire, ConnectError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.https.poll_ready(cx).map_err(|source| ConnectError::Failed { source })
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let forwarded = matches!(self.routes.way(&destination), Way::Forward(_));
        let limit = self.limit;
        let started = Instant::now();
        let connecting = self.https.call(destination);
        Box::pin(async move {
            let outcome = match limit {
                None => connecting.await,
                Some(limit) => match tokio::time::timeout(limit, connecting).await {
                    Ok(outcome) => outcome,
                    Err(_) => return Err(ConnectError::Timeout { limit }),
                },
            };
            let inner = outcome.map_err(unwrap_proxy)?;
            let at = Instant::now();
            Ok(Wire { inner, forwarded, established: Established { at, took: at - started } })
        })
    }
}

/// A proxy's error keeps its own kind through the layers that box it.
fn unwrap_proxy(error: BoxError) -> ConnectError {
    match error.downcast::<ConnectError>() {
        Ok(ours) => *ours,
        Err(source) => ConnectError::Failed { source },
    }
}

/// The first leg: to the destination, or to the proxy and through it. TLS to the destination comes after.
#[derive(Clone)]
struct Hop {
    routes: Arc<Routes>,
    tcp: Tcp,
    to_proxy: HttpsConnector<Tcp>,
}

impl Service<Uri> for Hop {
    type Response = HopStream;
    type Error = BoxError;
    type Future = BoxFuture<HopStream, BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        match self.routes.way(&destination) {
            Way::Direct => {
                let connecting = self.tcp.call(destination);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
            Way::Forward(proxy) => {
                let name = host(proxy.uri());
                let connecting = self.to_proxy.call(proxy.uri().clone());
                Box::pin(async move { connecting.await.map_err(|e| at_proxy(name, e)) })
            }
            Way::Tunnel(proxy) => {
                let name = host(proxy.uri());
                let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                let connecting = tunnel.call(destination);
                Box::pin(async move { connecting.await.map_err(|e| at_proxy(name, e.into())) })
            }
            Way::Socks(proxy) => {
                let name = host(proxy.uri());
                let mut socks = SocksV5::new(with_port(proxy.uri()), self.tcp.clone());
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                let connecting = socks.call(with_port(&destination));
                Box::pin(async move {
                    let stream = connecting.await.map_err(|e| at_proxy(name, e.into()))?;
                    Ok(MaybeHttpsStream::Http(stream))
                })
            }
        }
    }
}

fn at_proxy(proxy: String, source: BoxError) -> BoxError {
    Box::new(ConnectError::Proxy { proxy, source })
}

/// An open connection, and what the pool and the caller need to know about it.
pub(super) struct Wire {
    inner: MaybeHttpsStream<HopStream>,
    forwarded: bool,
    established: Established,
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.inner.connected().proxy(self.forwarded).extra(self.established)
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
}
