//! Makes the table of the console's files that are embedded in the executable, from `web-console/dist`. Needs no
//! Node: the bundle is committed, and a test and CI see to it that it is what its sources give.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), io::Error> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = root.join("../web-console/dist").canonicalize().map_err(|e| {
        io::Error::other(format!("web-console/dist is missing: it belongs to the repository ({e})"))
    })?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("console_files.rs");
    fs::write(out, table(&dist)?)
}

/// Rust source: the policy, and one entry per file, sorted by path.
fn table(dist: &Path) -> io::Result<String> {
    let rows = fs::read_to_string(dist.join("files.tsv"))?;
    let policy = fs::read_to_string(dist.join("policy.txt"))?;
    let mut source = format!("pub(super) const POLICY: &str = {:?};\n", policy.trim());
    source.push_str("pub(super) static FILES: &[File] = &[\n");
    let mut rows: Vec<Vec<&str>> = rows.lines().map(|l| l.split('\t').collect()).collect();
    rows.sort_unstable();
    for row in rows {
        let [path, content_type, digest, kept] = row[..] else {
            return Err(io::Error::other(format!("files.tsv: {row:?} is no row")));
        };
        let file = dist.join("files").join(path);
        let (br, gz) = (format!("{}.br", file.display()), format!("{}.gz", file.display()));
        let immutable = kept == "immutable";
        writeln!(
            source,
            "File {{ path: {path:?}, content_type: {content_type:?}, etag: \"\\\"{digest}\\\"\", \
             immutable: {immutable}, br: include_bytes!({br:?}), gz: include_bytes!({gz:?}) }},"
        )
        .map_err(io::Error::other)?;
    }
    source.push_str("];\n");
    Ok(source)
}
