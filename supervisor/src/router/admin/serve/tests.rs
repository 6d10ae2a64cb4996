use super::*;
use crate::router::asker::asker;
use http::Request as HttpRequest;
use http_body_util::{BodyExt, Full};
use protocol::control::people::{Grant, Person};
use protocol::control::{Permission, Refusal, RefusalKind, SecretText};
use serde_json::Value;

const LIMITS: RouterLimits = RouterLimits {
    body_bytes: 1 << 20,
    hold_bytes: 1 << 20,
    header_bytes: 16 << 10,
    read_timeout_ms: 1000,
    connections: 10,
    drain_ms: 1000,
};

struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
    asked: Option<Ask>,
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> HttpRequest<Full<Bytes>> {
    let mut request = HttpRequest::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

/// Serves a request to a supervisor that gives this reply.
async fn served(visit: Visit, request: HttpRequest<Full<Bytes>>, reply: ControlReply) -> Answer {
    let (asker, mut asking) = asker();
    let (parts, mut body) = request.into_parts();
    let mut asked = None;
    let serving = serve(&asker, visit, &parts, &mut body);
    tokio::pin!(serving);
    let served = loop {
        tokio::select! {
            served = &mut serving => break served,
            (_, question) = asking.next() => {
                asked = Some(serde_json::from_slice(&question).unwrap());
                asking.answered(1, serde_json::to_vec(&reply).unwrap().into());
            }
        }
    };
    let Served::Reply(reply) = served else { panic!("live") };
    let (head, body) = reply.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answer { status: head.status.as_u16(), headers: head.headers, json, asked }
}

fn local() -> Visit {
    Visit { peer: [127, 0, 0, 1].into(), local_names_only: true, limits: LIMITS }
}

fn done() -> ControlReply {
    ControlReply::Done("done".to_owned())
}

const TOKEN: (&str, &str) = ("authorization", "Bearer t1");
const JSON_TYPE: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_token_and_its_origin_go_on_to_the_supervisor() {
    let headers =
        [TOKEN, ("user-agent", "curl/8"), ("x-request-id", "r-1"), ("x-forwarded-for", "10.0.0.9, 10.0.0.7")];
    let answer = served(local(), request("POST", "/api/providers/a%2Fb/restart", &headers, ""), done()).await;
    assert_eq!((answer.status, &answer.json["message"]), (200, &Value::from("done")));
    assert_eq!(answer.headers["x-request-id"], "r-1");
    let ask = answer.asked.unwrap();
    assert_eq!(ask.request, ControlRequest::Restart { provider: "a/b".to_owned() });
    let origin = Origin {
        address: "10.0.0.7".to_owned(),
        user_agent: "curl/8".to_owned(),
        request_id: "r-1".to_owned(),
    };
    assert_eq!(ask.caller, Caller::Token { token: SecretText::new("t1".to_owned()), origin });
}

#[tokio::test]
async fn nobody_is_asked_without_need() {
    for (method, path, headers, body, status) in [
        ("GET", "/api/v1/status", vec![], "", 401),
        ("GET", "/api/v1/nothing", vec![TOKEN], "", 404),
        ("PATCH", "/api/v1/providers", vec![TOKEN], "", 405),
        ("POST", "/api/v1/providers", vec![TOKEN, ("content-type", "text/plain")], "{}", 415),
        ("POST", "/api/v1/providers", vec![TOKEN, JSON_TYPE], "{", 400),
        ("POST", "/api/v1/providers", vec![TOKEN, JSON_TYPE], r#"{"spec": {"name": 1}}"#, 422),
        ("DELETE", "/api/v1/providers/a", vec![TOKEN, ("if-match", "soon")], "", 400),
        ("DELETE", "/api/v1/prices/x", vec![TOKEN], "", 422),
        ("GET", "/api/v1/calls?limit=x", vec![TOKEN], "", 400),
        ("GET", "/api/v1/status", vec![TOKEN, ("host", "evil.example")], "", 403),
        ("POST", "/api/v1/auth/login", vec![JSON_TYPE, ("sec-fetch-site", "cross-site")], "{}", 403),
        ("POST", "/api/v1/router/restart", vec![("cookie", "llm_link_access=t1")], "", 403),
    ] {
        let answer = served(local(), request(method, path, &headers, body), done()).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.json);
        assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json", "{method} {path}");
        assert_eq!(answer.json["status"], status);
        assert!(answer.asked.is_none(), "{method} {path}");
    }
}

#[tokio::test]
async fn the_version_seen_goes_on_and_a_new_one_comes_back() {
    let headers = [TOKEN, JSON_TYPE, ("if-match", "\"7\"")];
    let body = r#"{"spec": {"name": "a", "preset": "demo"}}"#;
    let stale = ControlReply::Refused(Refusal::new(RefusalKind::Stale, "it was changed"));
    let answer = served(local(), request("PUT", "/api/v1/providers/a", &headers, body), stale).await;
    assert_eq!((answer.status, &answer.json["kind"]), (412, &Value::from("stale")));
    let Some(ControlRequest::UpdateProvider { version, .. }) = answer.asked.map(|ask| ask.request) else {
        panic!("another question")
    };
    assert_eq!(version, Some(7));
}

#[tokio::test]
async fn keys_of_repeated_posts_go_on() {
    let headers = [TOKEN, ("idempotency-key", "k1")];
    let answer = served(local(), request("POST", "/api/v1/router/restart", &headers, ""), done()).await;
    assert_eq!(answer.asked.unwrap().idempotency_key.as_deref(), Some("k1"));
    let long = "k".repeat(256);
    let headers = [TOKEN, ("idempotency-key", long.as_str())];
    let answer = served(local(), request("POST", "/api/v1/router/restart", &headers, ""), done()).await;
    assert_eq!(answer.status, 400);
}

fn granted() -> ControlReply {
    let person = Person { name: "ann".to_owned(), permissions: Permission::ALL.to_vec(), session: None };
    ControlReply::Granted(Box::new(Grant {
        person,
        access: SecretText::new("a1".to_owned()),
        access_expires_ms: now() + 600_000,
        refresh: SecretText::new("r1".to_owned()),
        refresh_expires_ms: now() + 900_000,
    }))
}

#[tokio::test]
async fn tokens_are_answered_or_put_into_cookies_but_not_both() {
    let login = |cookie: &str| {
        let body = format!(r#"{{"user": "ann", "password": "p"{cookie}}}"#);
        request("POST", "/api/v1/auth/login", &[JSON_TYPE, TOKEN, ("x-forwarded-proto", "https")], &body)
    };
    let plain = served(local(), login(""), granted()).await;
    assert_eq!((plain.status, &plain.json["access"]), (200, &Value::from("a1")));
    assert!(!plain.headers.contains_key("set-cookie"));
    assert!(matches!(plain.asked.unwrap().caller, Caller::Anonymous { .. }), "a login needs no token");
    let cookies = served(local(), login(r#", "cookie": true"#), granted()).await;
    assert_eq!(cookies.headers.get_all("set-cookie").iter().count(), 2);
    assert!(cookies.headers["set-cookie"].to_str().unwrap().ends_with("; Secure"));
    assert!(cookies.json.get("access").is_none() && cookies.json.get("refresh").is_none());
    assert_eq!(cookies.json["person"]["name"], "ann");
}

#[tokio::test]
async fn a_refresh_by_cookie_needs_what_every_change_by_cookie_needs() {
    let cookie = ("cookie", "llm_link_refresh=r0");
    let ours = [cookie, ("host", "localhost"), ("origin", "http://localhost"), ("x-llm-link-csrf", "1")];
    let answer = served(local(), request("POST", "/api/v1/auth/refresh", &ours, ""), granted()).await;
    assert_eq!(answer.status, 200);
    let token = SecretText::new("r0".to_owned());
    assert_eq!(answer.asked.unwrap().request, ControlRequest::Refresh { token });
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    let bare = served(local(), request("POST", "/api/v1/auth/refresh", &[cookie], ""), granted()).await;
    assert_eq!(bare.status, 403);
}

#[tokio::test]
async fn everybody_may_read_what_the_api_is() {
    let answer = served(local(), request("GET", "/api/v1/openapi.json", &[], ""), done()).await;
    assert_eq!((answer.status, &answer.json["openapi"]), (200, &Value::from("3.1.0")));
    let answer = served(local(), request("GET", "/api/about", &[], ""), done()).await;
    assert_eq!(answer.json["version"], BUILD);
}

#[test]
fn only_a_proxy_on_this_machine_speaks_for_others() {
    let headers: HeaderMap =
        [(FORWARDED_FOR, HeaderValue::from_static("1.2.3.4, 10.0.0.7"))].into_iter().collect();
    assert_eq!(client_address([127, 0, 0, 1].into(), &headers), IpAddr::from([10, 0, 0, 7]));
    assert_eq!(client_address([10, 9, 9, 9].into(), &headers), IpAddr::from([10, 9, 9, 9]));
    assert_eq!(client_address([127, 0, 0, 1].into(), &HeaderMap::new()), IpAddr::from([127, 0, 0, 1]));
}
