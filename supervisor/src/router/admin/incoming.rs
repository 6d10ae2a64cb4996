//! A request taken apart: the parts of its path, its query, its body, the version its sender has seen.
//! Everything that cannot be read is a [`Problem`] here; what it means is not known here.

use super::problem::Problem;
use serde::de::DeserializeOwned;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Incoming {
    /// Name and decoded value of each `{name}` of the path.
    pub(super) path: Vec<(&'static str, String)>,
    pub(super) query: String,
    pub(super) body: Vec<u8>,
    /// Of `if-match`; absent = any.
    pub(super) version: Option<i64>,
    /// Of the cookie, for the one request that takes it.
    pub(super) refresh_cookie: Option<String>,
}

impl Incoming {
    /// A part of the path.
    pub(super) fn part(&self, name: &str) -> String {
        self.path.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// A part of the path that is a row's number; no other text names a row.
    pub(super) fn number(&self, name: &str) -> Result<i64, Problem> {
        self.part(name).parse().map_err(|_| Problem::invalid(name, "must be a whole number"))
    }

    /// The query, with every parameter known.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&self.query)
            .map_err(|error| Problem::malformed(format!("the query cannot be read: {error}")))?;
        // An empty value is what a form sends for a field nobody filled in.
        let filled: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let text = serde_urlencoded::to_string(&filled)
            .map_err(|error| Problem::malformed(format!("the query cannot be read: {error}")))?;
        serde_urlencoded::from_str(&text)
            .map_err(|error| Problem::malformed(format!("the query cannot be read: {error}")))
    }

    /// The JSON body. Syntax is one kind of mistake, a wrong field another.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        // A list would be taken for the fields of a type in their order.
        if self.body.trim_ascii_start().starts_with(b"[") {
            return Err(Problem::invalid("", "must be an object"));
        }
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            match inner.classify() {
                serde_json::error::Category::Data => Problem::invalid(plain(path), plain_message(&inner)),
                _ => Problem::malformed(format!("the body is no JSON: {inner}")),
            }
        })?;
        json.end().map_err(|error| Problem::malformed(format!("the body is no JSON: {error}")))?;
        Ok(value)
    }

    /// The same where the body may be missing.
    pub(super) fn body_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.trim_ascii().is_empty() { Ok(T::default()) } else { self.body() }
    }
}

/// `.` stands for the whole document.
fn plain(path: String) -> String {
    if path == "." { String::new() } else { path }
}

/// Without the place in the text: the field says where.
fn plain_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        limit: u32,
        #[serde(default)]
        name: Option<String>,
    }

    fn query(text: &str) -> Result<Sample, Problem> {
        Incoming { query: text.to_owned(), ..Incoming::default() }.query()
    }

    fn body(text: &str) -> Result<Sample, Problem> {
        Incoming { body: text.as_bytes().to_vec(), ..Incoming::default() }.body()
    }

    #[test]
    fn queries_are_read_whole_or_not_at_all() {
        let sample = query("limit=5&name=a%2Fb+c").unwrap();
        assert_eq!((sample.limit, sample.name.as_deref()), (5, Some("a/b c")));
        assert_eq!(query("limit=&name=").unwrap().limit, 0);
        for bad in ["limit=x", "limit=-1", "limits=5", "limit=1&limit=2"] {
            assert_eq!(query(bad).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn syntax_and_meaning_are_told_apart() {
        assert_eq!(body(r#"{"limit": 3}"#).unwrap().limit, 3);
        for (bad, status) in [
            ("", 400),
            ("{", 400),
            ("{} {}", 400),
            (r#"{"limit": "3"}"#, 422),
            (r#"{"limits": 3}"#, 422),
            ("[]", 422),
        ] {
            assert_eq!(body(bad).unwrap_err().status(), status, "{bad}");
        }
        let problem = body(r#"{"limit": -1}"#).unwrap_err();
        assert_eq!(problem, Problem::invalid("limit", "invalid value: integer `-1`, expected u32"));
    }
}
