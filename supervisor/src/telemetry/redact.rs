//! The last look before a line can be read by others: what has the shape of a key is replaced, wherever it comes
//! from. Keys that are known are replaced by value where a worker's output is captured; this is for the rest.

use std::borrow::Cow;

const MARK: &str = "[key]";
/// Beginnings of well-known kinds of keys; the names of what follows them are no secrets.
const PREFIXES: [&str; 6] = ["sk-", "sk_", "llm-", "AIza", "gsk_", "xai-"];
/// Shorter words are names.
const SHORTEST: usize = 20;

/// The line with everything that looks like a key replaced.
pub(super) fn redact(line: &str) -> Cow<'_, str> {
    if !PREFIXES.iter().any(|prefix| line.contains(prefix)) && !line.contains("Bearer ") {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    let mut after_bearer = false;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_of_a_key(c)).unwrap_or(rest.len());
        let (word, following) = rest.split_at(end);
        let looks = word.len() >= SHORTEST && PREFIXES.iter().any(|prefix| word.starts_with(prefix));
        out.push_str(if looks || after_bearer && word.len() >= 8 { MARK } else { word });
        let gap = following.find(is_of_a_key).unwrap_or(following.len());
        after_bearer = word == "Bearer" && following[..gap].trim().is_empty();
        out.push_str(&following[..gap]);
        rest = &following[gap..];
    }
    Cow::Owned(out)
}

fn is_of_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_replaced() {
        for (line, shown) in [
            ("key=sk-proj-0123456789abcdef012345 ok", "key=[key] ok"),
            ("authorization: Bearer abcdef123456.x", "authorization: Bearer [key]"),
            ("\"AIzaSyA1234567890abcdefghijk\"", "\"[key]\""),
        ] {
            assert_eq!(redact(line), shown);
        }
    }

    #[test]
    fn ordinary_lines_stay_as_they_are() {
        for line in
            ["worker died: killed by SIGKILL", "sk-short", "the task-force Bearer", "模型 llm-link serve"]
        {
            assert_eq!(redact(line), line);
        }
    }
}
