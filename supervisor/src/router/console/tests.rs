//! What the console answers to which request.

use super::*;
use http::Request;
use http_body_util::BodyExt;

fn ask(path: &str, headers: &[(&str, &str)]) -> Option<Reply> {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    serve(&request.body(()).unwrap().into_parts().0)
}

fn page(path: &str) -> Option<Reply> {
    ask(
        path,
        &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("accept-encoding", "gzip, deflate, br")],
    )
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers().get(name).map_or("", |v| v.to_str().unwrap())
}

async fn body(reply: Reply) -> Bytes {
    reply.into_body().collect().await.unwrap().to_bytes()
}

#[test]
fn pages_are_for_browsers_only() {
    for path in ["/", "/login", "/setup", "/providers/new", "/apps/my.app", "/models", "/settings/users"] {
        let reply = page(path).unwrap();
        assert_eq!(header(&reply, "content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(header(&reply, "cache-control"), "no-cache", "{path}");
        assert!(ask(path, &[("accept", "application/json")]).is_none(), "{path}");
        assert!(ask(path, &[]).is_none(), "{path}");
    }
    for path in ["/v1/models", "/api/v1/providers", "/health", "/metrics", "/providersx", "/nothing"] {
        assert!(page(path).is_none(), "{path}");
    }
}

#[test]
fn nothing_but_reading() {
    let post = Request::post("/login").header("accept", "text/html").body(()).unwrap();
    assert!(serve(&post.into_parts().0).is_none());
}

#[test]
fn the_document_lets_no_foreign_script_run() {
    let policy = page("/").unwrap().headers()["content-security-policy"].to_str().unwrap().to_owned();
    let scripts = policy.split("; ").find(|d| d.starts_with("script-src")).unwrap();
    assert!(!scripts.contains("unsafe") && !scripts.contains('*') && !scripts.contains("http"), "{scripts}");
    assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"), "{policy}");
}

#[tokio::test]
async fn every_file_is_the_same_in_every_coding() {
    assert!(files::FILES.is_sorted_by_key(|f| f.path) && files::FILES.len() > 10);
    for file in files::FILES.iter().filter(|f| f.path != INDEX) {
        let path = format!("/{}", file.path);
        let plain = body(ask(&path, &[]).unwrap()).await;
        assert!(!plain.is_empty(), "{path}");
        let gzip = ask(&path, &[("accept-encoding", "gzip")]).unwrap();
        assert_eq!(header(&gzip, "content-encoding"), "gzip", "{path}");
        let mut unpacked = Vec::new();
        GzDecoder::new(&body(gzip).await[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain, "{path}");
        let brotli = ask(&path, &[("accept-encoding", "gzip, br")]).unwrap();
        assert_eq!(header(&brotli, "content-encoding"), "br", "{path}");
        assert!(body(brotli).await.len() <= plain.len() + 16, "{path}");
    }
}

#[test]
fn what_is_kept_is_not_sent_again() {
    let file = files::FILES.iter().find(|f| f.immutable).unwrap();
    let path = format!("/{}", file.path);
    let first = ask(&path, &[("accept-encoding", "br")]).unwrap();
    assert!(header(&first, "cache-control").contains("immutable"));
    for known in [file.etag.to_owned(), format!("\"other\", W/{}", file.etag)] {
        let again = ask(&path, &[("if-none-match", &known)]).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
    }
    assert_eq!(ask(&path, &[("if-none-match", "\"other\"")]).unwrap().status(), StatusCode::OK);
}

#[test]
fn a_file_of_another_version_is_not_there() {
    let reply = page("/_app/immutable/chunks/old.js").unwrap();
    assert_eq!((reply.status(), header(&reply, "cache-control")), (StatusCode::NOT_FOUND, "no-store"));
}

#[test]
fn codings_by_their_weight() {
    for (accepted, expected) in [
        ("br;q=0, gzip", Coding::Gzip),
        ("br;q=0.5, gzip", Coding::Brotli),
        ("*", Coding::Gzip),
        ("identity", Coding::Identity),
        ("gzip;q=nonsense", Coding::Identity),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        assert_eq!(Coding::of(&headers), expected, "{accepted}");
    }
}
