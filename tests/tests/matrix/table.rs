//! What was measured as a page for people: docs/dialects.md.

use crate::understood::knows_several;
use crate::{CLIENTS, Said};
use anyhow::{Result, ensure};
use protocol::dialect::Dialect;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tests::stack::bless;

/// The columns and the cases that make them.
const COLUMNS: [(&str, &[&str]); 12] = [
    ("text", &["text"]),
    ("stream", &["stream"]),
    ("tools", &["tools"]),
    ("parallel tools, streamed", &["parallel"]),
    ("image", &["image"]),
    ("structured output", &["structured", "structured-stream"]),
    ("reasoning", &["reasoning", "reasoning-stream", "reasoning-tools"]),
    ("several answers", &["several", "several-stream"]),
    ("errors", &["refused", "limited", "broken", "unknown"]),
    ("usage", &["usage"]),
    ("embeddings", &["embed"]),
    ("token count", &["count"]),
];

const HEAD: &str = "\
# Dialects

Which client works with which provider, and what is lost on the way. This page is written by a test: every official
SDK (`openai`, `anthropic`, `ollama`, `google-genai`, in Python and in JavaScript, unchanged) speaks through the real
executable to a provider of every dialect, and both ends are checked: what the client understood, and what reached the
provider. `cargo nextest run -p tests --test matrix` measures it again and fails if this page says otherwise.

* **yes**: it arrived whole, in both directions.
* **yes, n**: it works; note n below the table says what could not be said in the provider's dialect, or was changed.
  The same stands in the answer's header `x-llm-link-dropped`; an app in strict mode is refused instead, with the
  name of the field (but not for what was only *invented*: a value that the provider demands and the client left out;
  and not for hints, which change no answer: `prompt_cache_key`, `cache_control`, `user` and their like).
* **no, n**: the provider's dialect has no such thing.
* **-**: the client has no such call.

Same dialect on both sides means that the bytes pass unchanged. `errors` are an upstream 400 and 429 with its time to
wait, an unknown model, and a stream that breaks in the middle: it ends with an error in each client's own form.
`usage` is input, output, cached and reasoning tokens; what a dialect does not count is absent, or 0 where a client
insists on a number.
";

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Client, provider and case, with its notes.
    cases: BTreeMap<(&'static str, &'static str, String), BTreeSet<String>>,
}

impl Measured {
    pub(crate) fn add(&mut self, said: &Said) {
        let key = |case: &str| (said.client.name(), said.provider.name(), case.to_owned());
        let mut notes = losses(said.line["dropped"].as_str().unwrap_or_default());
        if said.case == "count" && said.client != said.provider {
            notes.insert("estimated".to_owned());
        }
        let no_vectors = said.case == "embed" && said.provider == Dialect::Anthropic;
        if no_vectors || said.case.starts_with("several") && !knows_several(said.provider) {
            notes.insert(NONE.to_owned());
        }
        self.cases.entry(key(&said.case)).or_default().extend(notes);
        if said.case.starts_with("reasoning") {
            self.cases.entry(key("usage")).or_default().extend(uncounted(said));
        }
    }

    pub(crate) fn cases(&self) -> usize {
        self.cases.keys().filter(|(_, _, case)| case != "usage").count()
    }

    /// The page says what was measured; with `bless` it is made to.
    pub(crate) fn published(&self, language: &str) -> Result<()> {
        let (path, page) = (path(), self.page()?);
        if bless() {
            return Ok(std::fs::write(path, page)?);
        }
        let stands = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = |(a, b): (&str, &str)| (a != b).then(|| format!("page:     {a}\nmeasured: {b}"));
        let first = stands.lines().zip(page.lines()).find_map(differs).unwrap_or_default();
        ensure!(
            stands == page,
            "docs/dialects.md is not what {language} measured (LLM_LINK_BLESS=1 writes it)\n{first}"
        );
        Ok(())
    }

    fn page(&self) -> Result<String> {
        let mut page = HEAD.to_owned();
        for (client, _) in CLIENTS {
            let client = client.name();
            let mut notes = Vec::new();
            let titles: Vec<&str> = COLUMNS.iter().map(|(title, _)| *title).collect();
            write!(page, "\n## Client `{client}`\n\n| provider | {} |\n", titles.join(" | "))?;
            writeln!(page, "|{}", " --- |".repeat(COLUMNS.len() + 1))?;
            for provider in Dialect::ALL.map(Dialect::name) {
                let cells = COLUMNS.map(|(_, cases)| self.cell((client, provider), cases, &mut notes));
                writeln!(page, "| `{provider}` | {} |", cells.join(" | "))?;
            }
            page.push('\n');
            for (at, note) in notes.iter().enumerate() {
                writeln!(page, "{}. {note}", at + 1)?;
            }
        }
        Ok(page)
    }

    fn cell(
        &self,
        (client, provider): (&'static str, &'static str),
        cases: &[&str],
        notes: &mut Vec<String>,
    ) -> String {
        let found: Vec<_> =
            cases.iter().filter_map(|c| self.cases.get(&(client, provider, (*c).to_owned()))).collect();
        if found.is_empty() {
            return "-".to_owned();
        }
        let all: BTreeSet<&String> = found.into_iter().flatten().collect();
        if all.is_empty() {
            return "yes".to_owned();
        }
        let note = all.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", ");
        let answer = if note == NONE { "no" } else { "yes" };
        let at = notes.iter().position(|n| *n == note).unwrap_or_else(|| {
            notes.push(note);
            notes.len() - 1
        });
        format!("{answer}, {}", at + 1)
    }
}

const NONE: &str = "the provider's API has none";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dialects.md")
}

/// The notes of an `x-llm-link-dropped`; indices are left out.
fn losses(header: &str) -> BTreeSet<String> {
    let note = |part: &str| {
        let (field, reason) = part.trim().split_once(";reason=")?;
        let field: String = field.chars().filter(|c| !c.is_ascii_digit()).collect();
        Some(format!("`{field}` {reason}"))
    };
    header.split(',').filter_map(note).collect()
}

/// The parts of usage that a client was not told.
fn uncounted(said: &Said) -> Vec<String> {
    let unknown = |part: &&str| said.line["usage"][*part].as_u64().unwrap_or_default() == 0;
    ["cached", "reasoning"].iter().filter(|p| unknown(p)).map(|p| format!("no {p} tokens")).collect()
}

#[test]
fn a_header_becomes_notes() {
    let notes =
        losses("messages[2].content;reason=foreign, max_tokens;reason=invented, max_tokens;reason=invented");
    assert_eq!(
        notes.into_iter().collect::<Vec<_>>(),
        ["`max_tokens` invented", "`messages[].content` foreign"]
    );
}
