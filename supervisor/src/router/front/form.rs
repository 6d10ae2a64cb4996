//! The one thing that routing wants of a form (`multipart/form-data`, RFC 7578): where a field's value stands.
//! Nothing is decoded or copied; a form that cannot be read has no such field.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use std::ops::Range;

/// The byte range of a field's value, if the body is a form that has it.
pub(crate) fn field(headers: &HeaderMap, body: &[u8], name: &str) -> Option<Range<usize>> {
    let boundary = boundary(headers.get(CONTENT_TYPE)?.to_str().ok()?)?;
    let delimiter = format!("--{boundary}");
    let wanted = format!("name=\"{name}\"");
    let mut parts = memchr::memmem::find_iter(body, delimiter.as_bytes()).peekable();
    while let Some(at) = parts.next() {
        let start = at + delimiter.len();
        let end = parts.peek().copied()?;
        let part = body.get(start..end)?;
        let head_end = memchr::memmem::find(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(part.get(..head_end)?).unwrap_or_default();
        let is_it = head.split(['\r', '\n', ';']).any(|piece| piece.trim().eq_ignore_ascii_case(&wanted));
        if is_it {
            let value = start + head_end + 4;
            return Some(value..end.checked_sub(2).filter(|end| *end >= value)?);
        }
    }
    None
}

fn boundary(content_type: &str) -> Option<&str> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = |parameter: &'_ str| parameter.trim().to_ascii_lowercase().starts_with("boundary=");
    let found = parameters.split(';').find(|parameter| named(parameter))?;
    Some(found.trim().get("boundary=".len()..)?.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(content_type: &str, body: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        field(&headers, body.as_bytes(), "model").map(|span| body[span].to_owned())
    }

    #[test]
    fn a_field_is_found_among_others_and_files() {
        let body = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nname=\"model\"\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n";
        for header in ["multipart/form-data; boundary=b", "multipart/form-data;charset=x; Boundary=\"b\""] {
            assert_eq!(find(header, body).as_deref(), Some("whisper-1"), "{header}");
        }
        assert_eq!(find("application/json", body), None);
        assert_eq!(find("multipart/form-data; boundary=c", body), None);
    }

    #[test]
    fn broken_forms_have_no_fields() {
        for body in ["", "--b", "--b--b", "--b\r\n\r\n--b", "--b\r\nname=\"model\"\r\n\r\n--b"] {
            assert_eq!(find("multipart/form-data; boundary=b", body), None, "{body:?}");
        }
    }
}
