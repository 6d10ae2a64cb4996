//! What conditions of routes look at in a request, read from its text: whether it has tools and pictures, and
//! about how long it is. Read only where an app has conditions; nothing is parsed into a tree.

use crate::router::routing::Traits;
use memchr::memmem;
use protocol::dialect::scan::Scan;

/// Bytes of a request for one token of input, about.
const BYTES_PER_TOKEN: u64 = 4;
/// How requests of the different dialects name a picture. A text that quotes one of them has its quotes escaped.
const PICTURES: [&[u8]; 7] = [
    b"\"image_url\"",
    b"\"input_image\"",
    b"\"image\"",
    b"\"inline_data\"",
    b"\"inlineData\"",
    b"\"file_data\"",
    b"\"fileData\"",
];
/// Ollama's messages have a list of them.
const PICTURE_LIST: &[u8] = b"\"images\"";

/// See the module.
pub(crate) fn read(body: &[u8]) -> Traits {
    let has = |word: &[u8]| memmem::find(body, word).is_some();
    Traits {
        tools: has_tools(body),
        vision: PICTURES.iter().any(|word| has(word)) || has(PICTURE_LIST),
        input_tokens: input_tokens(body),
    }
}

/// About how many tokens of input a request of this size is.
pub(crate) fn input_tokens(body: &[u8]) -> u64 {
    estimated_input(body.len() as u64)
}

/// The same of a request of so many bytes.
pub(crate) fn estimated_input(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// A member `tools` or `functions` of the request itself that is not empty.
fn has_tools(body: &[u8]) -> bool {
    let mut found = false;
    let mut scan = Scan::new(body);
    // A body that cannot be read has been refused before.
    let _read = scan.object(|scan, key| {
        let span = scan.value()?;
        if matches!(&*key, "tools" | "functions") {
            let inner = scan.slice(&span).trim_ascii();
            found |= inner.len() > 2 && inner != b"null";
        }
        Ok(())
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_and_pictures_are_seen_where_they_are() {
        let traits = |body: &str| {
            let t = read(body.as_bytes());
            (t.tools, t.vision)
        };
        assert_eq!(traits(r#"{"messages":[{"content":"the \"image_url\" and the tools"}]}"#), (false, false));
        assert_eq!(traits(r#"{"tools":[{"type":"function"}],"messages":[]}"#), (true, false));
        assert_eq!(traits(r#"{"tools":[],"functions":null}"#), (false, false));
        assert_eq!(
            traits(r#"{"messages":[{"content":[{"type":"image_url","image_url":{}}]}]}"#),
            (false, true)
        );
        assert_eq!(traits(r#"{"messages":[{"content":[{"type":"image","source":{}}]}]}"#), (false, true));
        assert_eq!(traits(r#"{"messages":[{"role":"user","images":["aGk="]}]}"#), (false, true));
        assert_eq!(traits(r#"{"contents":[{"parts":[{"inlineData":{}}]}]}"#), (false, true));
        assert_eq!(read(&[b'x'; 401]).input_tokens, 101);
    }
}
