//! Requests out, answers in.

use super::answer::AnswerBody;
use super::classify;
use super::connector::Connector;
use super::lanes::{BoxError, Lanes, Protocol};
use super::route::{Routes, Way};
use super::tls::Roots;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Body;
use http_body_util::BodyExt;
use protocol::ipc::configure::{HttpUpstream, Proxy, Timeouts};
use protocol::model::Failure;
use std::sync::Arc;
use std::time::Duration;

/// Why a provider's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("the base URL {url} cannot be used: {reason}")]
    BaseUrl { url: String, reason: &'static str },
    /// The address itself is not repeated: it may hold a password.
    #[error("the proxy cannot be used: {reason}")]
    Proxy { reason: String },
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// Connections to one provider, kept alive between calls.
pub struct Client {
    routes: Arc<Routes>,
    lanes: Lanes,
}

impl Client {
    /// Reads the root certificates if anything on the way speaks TLS, and connects to nothing yet.
    /// `pool_idle` connections are kept open while no call uses them (HTTP/2: one per hundred calls).
    ///
    /// # Errors
    /// When a base URL or the proxy cannot be used.
    pub fn new(upstream: &HttpUpstream, timeouts: &Timeouts, pool_idle: u32) -> Result<Self, UpstreamError> {
        let routes = Arc::new(Routes::new(&upstream.proxy)?);
        let bases: Vec<Uri> =
            upstream.endpoints.iter().map(|e| super::url::base(&e.base_url)).collect::<Result<_, _>>()?;
        let tls = bases.iter().any(|uri| routes.needs_tls(uri));
        let roots = if tls { Roots::Load } else { Roots::None };
        let limit = (timeouts.connect_ms > 0).then(|| Duration::from_millis(timeouts.connect_ms));
        let connector = Connector::new(Arc::clone(&routes), roots, limit)?;
        let pool_idle = usize::try_from(pool_idle).unwrap_or(usize::MAX);
        Ok(Self { routes, lanes: Lanes::new(connector, pool_idle) })
    }

    /// Presents a login to the configured proxy from now on; see [`Routes::log_in`].
    ///
    /// # Errors
    /// When there is no such proxy.
    pub fn log_in(&self, proxy: &Proxy, login: &[u8]) -> Result<(), UpstreamError> {
        self.routes.log_in(proxy, login)
    }

    /// Sends a request with an absolute URI and waits for the head of the answer. A pooled connection that
    /// turns out to be closed before the request was written is replaced without the caller seeing it.
    ///
    /// [`super::Established`] is among the response's extensions.
    ///
    /// # Errors
    /// [`FailureKind::Unreachable`] when nothing was processed, [`FailureKind::Interrupted`] when it may
    /// have been, [`FailureKind::BadAnswer`] when the other side does not speak HTTP, and
    /// [`FailureKind::Cancelled`] when the request's own body broke off.
    ///
    /// [`FailureKind::Unreachable`]: protocol::model::FailureKind::Unreachable
    /// [`FailureKind::Interrupted`]: protocol::model::FailureKind::Interrupted
    /// [`FailureKind::BadAnswer`]: protocol::model::FailureKind::BadAnswer
    /// [`FailureKind::Cancelled`]: protocol::model::FailureKind::Cancelled
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<AnswerBody>, Failure>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let host = classify::host(request.uri());
        let protocol = match request.uri().scheme_str() {
            Some("https") => Protocol::Negotiated,
            _ => Protocol::Plain,
        };
        if let Way::Forward(proxy) = self.routes.way(request.uri())
            && let Some(auth) = proxy.basic_auth()
        {
            request.headers_mut().insert(http::header::PROXY_AUTHORIZATION, auth.clone());
        }
        let (pool, flight) = self.lanes.take(protocol);
        let response = pool.request(request).await.map_err(|e| classify::before(&e, &host))?;
        if protocol == Protocol::Negotiated {
            self.lanes.saw(response.version());
        }
        Ok(response.map(|body| AnswerBody::new(body, host, flight)))
    }
}
