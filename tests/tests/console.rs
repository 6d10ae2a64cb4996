//! The console: the bundle in the executable is made from the sources beside it, and a browser can do with it
//! what people do. The browser's tests are in `web-console/e2e`; here they are started, each file apart.

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tests::stack::{executable, say};
use tokio::process::Command;

/// The same as in `web-console/scripts/sources.mjs`.
const TREES: [&str; 3] = ["src", "static", "scripts"];
const FILES: [&str; 4] = ["package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"];

fn console() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../web-console").canonicalize()?)
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() { files(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

#[test]
fn the_bundle_is_made_from_these_sources() -> Result<()> {
    let root = console()?;
    let mut paths: Vec<PathBuf> = FILES.iter().map(|f| root.join(f)).collect();
    for tree in TREES {
        files(&root.join(tree), &mut paths)?;
    }
    let mut named = Vec::new();
    for path in paths {
        named.push((path.strip_prefix(&root)?.to_string_lossy().into_owned(), path));
    }
    named.sort();
    let mut hash = Sha256::new();
    for (name, path) in named {
        let bytes = fs::read(path)?;
        hash.update(format!("{name}\0{}\0", bytes.len()));
        hash.update(bytes);
    }
    let made: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let stamp = fs::read_to_string(root.join("dist/sources.sha256"))?;
    ensure!(stamp.trim() == made, "web-console/dist is stale: run `npm run build` there and commit it");
    Ok(())
}

/// Runs one file of the browser's tests.
async fn browse(file: &str) -> Result<()> {
    let root = console()?;
    let playwright = root.join("node_modules/.bin/playwright");
    ensure!(playwright.exists(), "the browser's tests are not installed: npm ci in web-console");
    let mut command = Command::new(playwright);
    command.args(["test", "--workers=1", &format!("e2e/{file}.spec.ts")]).current_dir(&root);
    command.arg(format!("--output=test-results/{file}"));
    command.env("LLM_LINK_BIN", executable()?).env("CI", "1").stdin(Stdio::null()).kill_on_drop(true);
    if std::env::var_os("SCREENSHOTS").is_none() {
        command.env("SCREENSHOTS", root.join("artefacts"));
    }
    let output = command.output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    say(&text);
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A file that no test was found in has shown nothing.
    ensure!(text.contains(" passed"), "no test of {file} was run");
    Ok(())
}

#[tokio::test]
async fn setup() -> Result<()> {
    browse("setup").await
}

#[tokio::test]
async fn session() -> Result<()> {
    browse("session").await
}

#[tokio::test]
async fn providers() -> Result<()> {
    browse("providers").await
}

#[tokio::test]
async fn apps() -> Result<()> {
    browse("apps").await
}

#[tokio::test]
async fn requests() -> Result<()> {
    browse("requests").await
}

#[tokio::test]
async fn permissions() -> Result<()> {
    browse("permissions").await
}

#[tokio::test]
async fn live() -> Result<()> {
    browse("live").await
}

#[tokio::test]
async fn pages() -> Result<()> {
    browse("pages").await
}

#[tokio::test]
async fn contract() -> Result<()> {
    browse("contract").await
}

#[tokio::test]
async fn held() -> Result<()> {
    browse("held").await
}
