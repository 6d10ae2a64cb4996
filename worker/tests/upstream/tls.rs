//! TLS with a certificate authority of our own, HTTP/2, and a tunnel. `SSL_CERT_FILE` belongs to a whole
//! process, so the tests that trust that authority run in a child that was started with it.

use crate::server::{TIMEOUTS, answer_all, client, post, request, serve, start, upstream};
use futures_util::StreamExt as _;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use protocol::ipc::configure::Proxy;
use protocol::model::{FailureKind, Retry};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use worker::upstream::Client;

const CHILD: &str = "UPSTREAM_TEST_DIR";

/// An authority, and a server of its for `localhost`.
struct Authority {
    pem: String,
    server: rustls::ServerConfig,
}

fn authority(directory: &std::path::Path) -> Authority {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    std::fs::write(directory.join("ca.pem"), issuer.pem()).unwrap();
    Authority { pem: issuer.pem(), server }
}

/// The child's share of a test: the parent made the directory and named it in the environment.
fn in_child(test: &str, inside: impl FnOnce(&std::path::Path)) {
    if let Some(directory) = std::env::var_os(CHILD) {
        return inside(std::path::Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, directory.path())
        .env("SSL_CERT_FILE", directory.path().join("ca.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// HTTP/1.1 over TLS on plain threads.
fn https_server(config: rustls::ServerConfig) -> (SocketAddr, Arc<AtomicUsize>) {
    let config = Arc::new(config);
    serve(move |_, tcp| {
        let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(session, tcp);
        answer_all(&mut stream);
    })
}

#[test]
fn an_authority_from_ssl_cert_file_is_trusted() {
    in_child("tls::an_authority_from_ssl_cert_file_is_trusted", |directory| {
        let (address, _) = https_server(authority(directory).server);
        block_on(async {
            let base = format!("https://localhost:{}/v1", address.port());
            let response = client(&base).send(post(&base)).await.unwrap();
            assert_eq!(response.version(), http::Version::HTTP_11);
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        });
    });
}

#[test]
fn a_stranger_is_not_trusted_and_garbage_is_not_tls() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority(directory.path());
    assert!(authority.pem.starts_with("-----BEGIN CERTIFICATE"));
    let (stranger, _) = https_server(authority.server);
    let (garbage, _) = serve(|_, mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    block_on(async {
        for address in [stranger, garbage] {
            let base = format!("https://localhost:{}/v1", address.port());
            let failure = client(&base).send(post(&base)).await.unwrap_err();
            assert_eq!((failure.kind, failure.retry), (FailureKind::Unreachable, Retry::Elsewhere));
            let expected = format!("TLS with localhost:{} failed: ", address.port());
            assert!(failure.message.starts_with(&expected), "{}", failure.message);
        }
    });
}

/// Serves HTTP/2 with at most 100 streams per connection; no answer ends before the process does.
fn h2_server(mut config: rustls::ServerConfig) -> (SocketAddr, Arc<AtomicUsize>) {
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let (bound, address) = mpsc::channel();
    start(move || {
        block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            bound.send(listener.local_addr().unwrap()).unwrap();
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
                tasks.spawn(async move {
                    let Ok(stream) = acceptor.accept(tcp).await else { return };
                    counter.fetch_add(1, Ordering::SeqCst);
                    let service = hyper::service::service_fn(async |_| {
                        let first = bytes::Bytes::from_static(b"first");
                        let chunks = futures_util::stream::once(async { first })
                            .map(|b| Ok::<_, Infallible>(http_body::Frame::data(b)))
                            .chain(futures_util::stream::pending());
                        Ok::<_, Infallible>(http::Response::new(http_body_util::StreamBody::new(chunks)))
                    });
                    let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    http.max_concurrent_streams(100);
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
    (address.recv().unwrap(), connections)
}

#[test]
fn streams_beyond_one_connections_limit_do_not_wait() {
    in_child("tls::streams_beyond_one_connections_limit_do_not_wait", |directory| {
        let (address, connections) = h2_server(authority(directory).server);
        block_on(async {
            let base = format!("https://localhost:{}/v1", address.port());
            let client = client(&base);
            let mut open = Vec::new();
            let all = async {
                for _ in 0..250 {
                    let response = client.send(post(&base)).await.unwrap();
                    assert_eq!(response.version(), http::Version::HTTP_2);
                    let mut body = response.into_body();
                    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
                    assert_eq!(first, "first");
                    open.push(body);
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(20), all).await.unwrap();
            assert_eq!(open.len(), 250);
            assert_eq!(connections.load(Ordering::SeqCst), 3);
            drop(open);
            client.send(post(&base)).await.unwrap();
            assert_eq!(connections.load(Ordering::SeqCst), 3, "abandoned streams make room again");
        });
    });
}

/// `CONNECT`, then bytes both ways.
fn tunnel(mut client: TcpStream, asked: &mpsc::Sender<String>) {
    let Some(head) = request(&mut client) else { return };
    let port = head.split_whitespace().nth(1).and_then(|a| a.rsplit_once(':')).map(|(_, p)| p.to_owned());
    asked.send(head).unwrap();
    let server = TcpStream::connect(format!("127.0.0.1:{}", port.unwrap())).unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    start(move || drop(std::io::copy(&mut from, &mut to)));
    let (mut from, mut to) = (server, client);
    drop(std::io::copy(&mut from, &mut to));
}

#[test]
fn tls_goes_through_a_tunnel() {
    in_child("tls::tls_goes_through_a_tunnel", |directory| {
        let (address, _) = https_server(authority(directory).server);
        let (asked, asks) = mpsc::channel();
        let (proxy, _) = serve(move |_, stream| tunnel(stream, &asked));
        block_on(async {
            let base = format!("https://localhost:{}/v1", address.port());
            let through = upstream(&base, Proxy::Url(format!("http://user:secret@{proxy}")));
            let client = Client::new(&through, &TIMEOUTS, 1).unwrap();
            let response = client.send(post(&base)).await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        });
        let head = asks.recv().unwrap();
        assert!(head.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", address.port())), "{head}");
        assert!(head.contains("Basic dXNlcjpzZWNyZXQ="), "{head}");
    });
}
