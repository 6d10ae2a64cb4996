//! The repository's sources as tidy sees them: paths, words and strings of the production code of each
//! file, comments and `#[cfg(test)]` left out.

use crate::length::{Declared, Function};
use anyhow::{Context, Result};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no source of ours.
const SKIPPED: [&str; 10] = [
    "target",
    ".git",
    "node_modules",
    ".venv",
    "fixtures",
    "artefacts",
    ".svelte-kit",
    "build",
    "dist",
    "test-results",
];
/// Kinds of text that people write here.
const TEXTS: [&str; 10] = ["rs", "toml", "sh", "py", "mjs", "ts", "svelte", "sql", "service", "md"];

/// A path as code says it, `crate`, `self` and `super` resolved: `supervisor::fleet::owner`.
pub(crate) struct Found {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One Rust file.
pub(crate) struct Source {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) package: String,
    pub(crate) text: String,
    pub(crate) lines: usize,
    pub(crate) paths: Vec<Found>,
    pub(crate) idents: Vec<(String, usize)>,
    pub(crate) strings: Vec<(String, usize)>,
    pub(crate) functions: Vec<Function>,
    pub(crate) types: Vec<(String, usize)>,
}

impl Source {
    fn read(path: String, text: String) -> Result<Self> {
        let file = syn::parse_file(&text).with_context(|| path.clone())?;
        let tokens: TokenStream = text.parse().map_err(|e| anyhow::anyhow!("{path}: {e}"))?;
        let declared = if is_test_file(&path) { Declared::default() } else { Declared::of(&file) };
        let mut source = Self {
            package: path.split('/').next().unwrap_or_default().to_owned(),
            lines: text.lines().count(),
            paths: Vec::new(),
            idents: Vec::new(),
            strings: Vec::new(),
            functions: declared.functions,
            types: declared.types,
            path,
            text,
        };
        if !is_test_file(&source.path) {
            let home = module_path(&source.path);
            source.walk(tokens, &[], &home);
        }
        Ok(source)
    }

    /// The file's own name; for `mod.rs` that of its folder.
    pub(crate) fn stem(&self) -> String {
        module_path(&self.path).pop().unwrap_or_default()
    }

    /// Collects words, strings and paths. `prefix` is what stands before the braces of a `use`.
    fn walk(&mut self, tokens: TokenStream, prefix: &[String], home: &[String]) {
        let mut tokens = tokens.into_iter().peekable();
        let (mut path, mut line, mut joined) = (prefix.to_vec(), 0, !prefix.is_empty());
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) => {
                    let word_line = word.span().start().line;
                    if !joined {
                        self.found(&path, line, home);
                        path = Vec::new();
                    }
                    line = word_line;
                    path.push(word.to_string());
                    self.idents.push((word.to_string(), word_line));
                    joined = false;
                }
                TokenTree::Punct(p) if p.as_char() == ':' && p.spacing() == Spacing::Joint => {
                    joined =
                        tokens.next_if(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == ':')).is_some();
                }
                TokenTree::Punct(p) => {
                    if p.as_char() == '#' && tokens.peek().is_some_and(is_cfg_test) {
                        tokens.next();
                        skip_item(&mut tokens);
                    }
                    self.found(&path, line, home);
                    // Each name between the braces of a `use` continues what stands before them.
                    let comma = p.as_char() == ',' && !prefix.is_empty();
                    (path, joined) = if comma { (prefix.to_vec(), true) } else { (Vec::new(), false) };
                }
                TokenTree::Group(group) => {
                    let inner = joined && group.delimiter() == Delimiter::Brace;
                    if inner {
                        self.walk(group.stream(), &path, home);
                    } else {
                        self.found(&path, line, home);
                        self.walk(group.stream(), &[], home);
                    }
                    (path, joined) = (Vec::new(), false);
                }
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    self.strings.push((literal.to_string(), line));
                }
            }
        }
        self.found(&path, line, home);
    }

    fn found(&mut self, path: &[String], line: usize, home: &[String]) {
        if path.len() > 1 {
            self.paths.push(Found { text: resolve(path, home).join("::"), line });
        }
    }
}

/// `crate`, `self` and `super` at the front, spelled out.
fn resolve(path: &[String], home: &[String]) -> Vec<String> {
    let mut base: Option<Vec<String>> = None;
    let mut rest = path;
    while let Some(first) = rest.first() {
        base = match first.as_str() {
            "crate" => Some(home[..1].to_vec()),
            "self" => Some(base.unwrap_or_else(|| home.to_vec())),
            "super" => {
                let mut up = base.unwrap_or_else(|| home.to_vec());
                up.pop();
                Some(up)
            }
            _ => break,
        };
        rest = &rest[1..];
    }
    let mut whole = base.unwrap_or_default();
    whole.extend_from_slice(rest);
    whole
}

/// `supervisor/src/fleet/mod.rs` is `supervisor::fleet`.
fn module_path(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.split('/').filter(|p| *p != "src").map(str::to_owned).collect();
    let file = parts.pop().unwrap_or_default();
    match file.trim_end_matches(".rs") {
        "mod" | "lib" | "main" => {}
        stem => parts.push(stem.to_owned()),
    }
    parts
}

fn is_test_file(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    path.ends_with("/tests.rs") || parts.iter().skip(1).any(|p| *p == "tests")
}

fn is_cfg_test(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    group.delimiter() == Delimiter::Bracket && group.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// Skips to the end of an item: its braces or its semicolon.
fn skip_item(tokens: &mut impl Iterator<Item = TokenTree>) {
    for token in tokens {
        match token {
            TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => return,
            TokenTree::Punct(p) if p.as_char() == ';' => return,
            _ => {}
        }
    }
}

fn root() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?.to_owned())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(&path, files)?;
            }
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| TEXTS.contains(&e)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Every text of the repository: (path from the root, content).
pub(crate) fn read_texts() -> Result<Vec<(String, String)>> {
    let root = root()?;
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let read = |file: PathBuf| {
        let path = file.strip_prefix(&root)?.to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).with_context(|| path.clone())?;
        Ok((path, text))
    };
    files.into_iter().map(read).collect()
}

/// Every Rust file of the repository.
pub(crate) fn read_all() -> Result<Vec<Source>> {
    let rust = read_texts()?.into_iter().filter(|(path, _)| path.ends_with(".rs"));
    let sources: Vec<Source> = rust.map(|(path, text)| Source::read(path, text)).collect::<Result<_>>()?;
    anyhow::ensure!(
        sources.len() > 30,
        "only {} sources found: tidy looks at the wrong place",
        sources.len()
    );
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_through_groups_macros_and_super() -> Result<()> {
        let text = "//! x\nuse std::{env, fs::{self, File}};\nuse super::store::Row;\n\
            fn f() { select! { _ = tokio::time::sleep(1) => {} } let x: Vec::<u8> = crate::vault::open(); }\n\
            #[cfg(test)]\nmod tests { use rand::thread_rng; }\n// use forbidden::path;\n";
        let source = Source::read("supervisor/src/fleet/owner.rs".to_owned(), text.to_owned())?;
        let found: Vec<&str> = source.paths.iter().map(|f| f.text.as_str()).collect();
        for expected in [
            "std::env",
            "std::fs::File",
            "supervisor::fleet::store::Row",
            "tokio::time::sleep",
            "supervisor::vault::open",
        ] {
            assert!(found.contains(&expected), "{expected} in {found:?}");
        }
        assert!(!found.iter().any(|f| f.contains("rand") || f.contains("forbidden")), "{found:?}");
        assert_eq!((source.functions.len(), source.functions[0].lines), (1, 1));
        Ok(())
    }
}
