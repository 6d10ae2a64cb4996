//! What a request shows of its sender: a token in a header or in a cookie, and whether a browser sent it on behalf
//! of another site. Nothing is believed here: tokens go to the supervisor as they are.

use super::problem::Problem;
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, ORIGIN};
use http::{HeaderValue, Method, Uri};
use protocol::control::SecretText;
use protocol::control::people::Grant;

/// Holds the access token. Not readable by scripts of a page.
pub(super) const ACCESS_COOKIE: &str = "llm_link_access";
/// Holds the refresh token; sent to the login pages alone.
pub(super) const REFRESH_COOKIE: &str = "llm_link_refresh";
/// Pages of other sites cannot send it without asking.
pub(super) const CSRF_HEADER: &str = "x-llm-link-csrf";
/// Longer tokens are none of ours.
const LONGEST: usize = 4096;

/// The token a request shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A browser does not send these by itself.
    Bearer(SecretText),
    /// A browser sends these whoever made it ask.
    Cookie(SecretText),
    Nothing,
}

impl Shown {
    /// A header wins over a cookie.
    pub(super) fn of(headers: &HeaderMap) -> Shown {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.to_str().ok()?.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case("bearer ").then(|| token.trim())
        });
        match (bearer, cookie(headers, ACCESS_COOKIE)) {
            (Some(token), _) if fits(token) => Shown::Bearer(SecretText::new(token.to_owned())),
            (Some(_), _) => Shown::Nothing,
            (None, Some(token)) if fits(token) => Shown::Cookie(SecretText::new(token.to_owned())),
            (None, _) => Shown::Nothing,
        }
    }
}

fn fits(token: &str) -> bool {
    !token.is_empty() && token.len() <= LONGEST
}

/// The value of a cookie.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.trim_matches('"'))
}

/// Refuses what a browser sends from a page of another site; and with a cookie as its proof, whatever does not
/// show that it comes from a page of ours.
pub(super) fn check_site(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    cookie_is_proof: bool,
) -> Result<(), Problem> {
    let site = Site::of(uri, headers);
    let safe = matches!(*method, Method::GET | Method::HEAD);
    match (site, safe, cookie_is_proof) {
        (Site::Other, false, _) | (Site::Other, true, true) => {
            Err(Problem::forbidden("this request was made by a page of another site"))
        }
        (Site::Ours, false, true) if headers.get(CSRF_HEADER).is_some_and(|value| value == "1") => Ok(()),
        (Site::Ours | Site::Unsaid, false, true) => Err(Problem::forbidden(format!(
            "with a cookie a change needs the header `{CSRF_HEADER}: 1` and an `origin` of this site"
        ))),
        (Site::Ours | Site::Unsaid, true, _) | (_, false, false) | (Site::Other, true, false) => Ok(()),
    }
}

/// Whose page made the request, as browsers say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    Ours,
    Other,
    /// Not a browser, or one that does not say.
    Unsaid,
}

impl Site {
    fn of(uri: &Uri, headers: &HeaderMap) -> Site {
        match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(b"same-origin") => return Site::Ours,
            // Typed, or from a bookmark: nobody's page.
            Some(b"none") | None => {}
            Some(_) => return Site::Other,
        }
        let Some(origin) = headers.get(ORIGIN) else { return Site::Unsaid };
        let host = uri.authority().map(|a| a.as_str()).or_else(|| headers.get(HOST)?.to_str().ok());
        let same = origin.to_str().ok().zip(host).is_some_and(|(origin, host)| is_origin_of(origin, host));
        if same { Site::Ours } else { Site::Other }
    }
}

/// `https://name:443` is the origin of `name`: in front of us somebody may end TLS.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let (named, default_port) = match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
        (Some(named), _) => (named, ":80"),
        (_, Some(named)) => (named, ":443"),
        (None, None) => return false,
    };
    let bare = |name: &str| name.strip_suffix(default_port).unwrap_or(name).to_ascii_lowercase();
    bare(named) == bare(host)
}

/// The cookies of a login.
pub(super) fn cookies(grant: &Grant, secure: bool, now_ms: i64) -> [String; 2] {
    [
        set(ACCESS_COOKIE, "/api", grant.access.expose(), grant.access_expires_ms - now_ms, secure),
        set(
            REFRESH_COOKIE,
            "/api/v1/auth",
            grant.refresh.expose(),
            grant.refresh_expires_ms - now_ms,
            secure,
        ),
    ]
}

/// Takes the cookies away.
pub(super) fn no_cookies(secure: bool) -> [String; 2] {
    [set(ACCESS_COOKIE, "/api", "", 0, secure), set(REFRESH_COOKIE, "/api/v1/auth", "", 0, secure)]
}

fn set(name: &str, path: &str, value: &str, life_ms: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    let life = (life_ms / 1000).max(0);
    format!("{name}={value}; Path={path}; Max-Age={life}; HttpOnly; SameSite=Strict{secure}")
}

/// The client came over TLS, which somebody in front of us ended. Who lies about it harms only themselves.
pub(super) fn came_over_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair =
            |(n, v): &(&str, &str)| (HeaderName::try_from(*n).unwrap(), HeaderValue::from_str(v).unwrap());
        pairs.iter().map(pair).collect()
    }

    fn secret(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    #[test]
    fn a_header_wins_over_a_cookie() {
        let of = |pairs: &[(&str, &str)]| Shown::of(&headers(pairs));
        let cookies = ("cookie", "theme=dark; llm_link_access=c1; llm_link_refresh=r1");
        assert_eq!(of(&[("authorization", "bearer  t1")]), Shown::Bearer(secret("t1")));
        assert_eq!(of(&[("authorization", "Bearer t1"), cookies]), Shown::Bearer(secret("t1")));
        assert_eq!(of(&[cookies]), Shown::Cookie(secret("c1")));
        assert_eq!(of(&[("cookie", "xllm_link_access=c1")]), Shown::Nothing);
        assert_eq!(of(&[("authorization", "Bearer ")]), Shown::Nothing);
        assert_eq!(cookie(&headers(&[cookies]), REFRESH_COOKIE), Some("r1"));
    }

    fn allowed(method: Method, pairs: &[(&str, &str)], cookie: bool) -> bool {
        check_site(&method, &Uri::from_static("/api/v1/x"), &headers(pairs), cookie).is_ok()
    }

    #[test]
    fn changes_by_cookie_come_from_a_page_of_ours() {
        let host = ("host", "llm:8080");
        let ours = ("origin", "http://llm:8080");
        let csrf = (CSRF_HEADER, "1");
        assert!(allowed(Method::POST, &[host, ours, csrf], true));
        assert!(allowed(Method::POST, &[host, ("sec-fetch-site", "same-origin"), csrf], true));
        assert!(!allowed(Method::POST, &[host, ours], true), "a form can be sent by anybody");
        assert!(!allowed(Method::POST, &[host, csrf], true), "no sign of where it is from");
        for other in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "https://llm:8081"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!allowed(Method::DELETE, &[host, csrf, other], true), "{other:?}");
            assert!(!allowed(Method::POST, &[host, other], false), "{other:?}: not even without a cookie");
            assert!(!allowed(Method::GET, &[host, other], true), "{other:?}: a WebSocket would be read");
        }
    }

    #[test]
    fn others_are_left_alone() {
        assert!(allowed(Method::GET, &[("host", "llm")], true));
        assert!(allowed(Method::POST, &[("host", "llm")], false), "a script with a token");
        assert!(allowed(Method::GET, &[("host", "llm"), ("sec-fetch-site", "cross-site")], false));
    }

    #[test]
    fn origins_know_default_ports_and_no_case() {
        assert!(is_origin_of("https://llm.example", "llm.example"));
        assert!(is_origin_of("https://LLM.example", "llm.example:443"));
        assert!(is_origin_of("http://[::1]:8080", "[::1]:8080"));
        assert!(!is_origin_of("http://llm.example", "llm.example:443"));
        assert!(!is_origin_of("file://llm.example", "llm.example"));
    }

    #[test]
    fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
        let grant = Grant {
            person: protocol::control::people::Person {
                name: "ann".to_owned(),
                permissions: vec![],
                session: None,
            },
            access: secret("a1"),
            access_expires_ms: 600_000,
            refresh: secret("r1"),
            refresh_expires_ms: 900_000,
        };
        let [access, refresh] = cookies(&grant, true, 0);
        assert_eq!(access, "llm_link_access=a1; Path=/api; Max-Age=600; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(
            refresh,
            "llm_link_refresh=r1; Path=/api/v1/auth; Max-Age=900; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(
            no_cookies(false)
                .iter()
                .all(|c| c.contains("=; ") && c.contains("Max-Age=0") && !c.contains("Secure"))
        );
    }
}
