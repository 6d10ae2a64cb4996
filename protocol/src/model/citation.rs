//! Where a piece of an answer's text comes from. Only sources with an address: a vendor's own documents mean nothing
//! to anybody else.

/// One source of an answer's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    pub url: String,
    pub title: Option<String>,
    /// Words of the source.
    pub quote: Option<String>,
    /// The characters of the part's text that it supports, the end not among them; `None` = all of it.
    pub span: Option<(u64, u64)>,
}

impl Citation {
    /// A source of all of a text; `None` without an address.
    pub fn new(url: Option<String>, title: Option<String>) -> Option<Self> {
        let url = url.filter(|url| !url.is_empty())?;
        Some(Self { url, title: title.filter(|title| !title.is_empty()), quote: None, span: None })
    }

    /// The same where it supports these characters only.
    pub fn at(self, start: Option<u64>, end: Option<u64>) -> Self {
        let span = start.zip(end).filter(|(start, end)| start < end);
        Self { span, ..self }
    }

    /// What it supports of a text so long.
    pub fn within(&self, chars: u64) -> (u64, u64) {
        let (start, end) = self.span.unwrap_or((0, chars));
        (start.min(chars), end.min(chars))
    }

    /// About how much memory it holds.
    pub(crate) fn len(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.url.len() + text(&self.title) + text(&self.quote) + 64
    }
}
