//! The conventions of this repository as tests: who may know whom, who may touch the outside, how long
//! things may get and what they may be called. A rule that must bend is bent in [`rules`], with its reason.

mod length;
mod rules;
mod source;

use rules::{BANNED_ENDINGS, BOUNDARIES, KEYWORDS, MAX_FILE, MAX_FUNCTION, P90_FUNCTION, SQL_HOME, VENDORS};
use source::{Source, read_all};
use std::collections::BTreeMap;

/// Fails with every offence at once.
fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

fn under(path: &str, places: &[&str]) -> bool {
    places.iter().any(|p| path == *p || (p.ends_with('/') && path.starts_with(p)))
}

#[test]
fn nobody_knows_whom_they_must_not_know() -> anyhow::Result<()> {
    let sources = read_all()?;
    let mut offences = Vec::new();
    for rule in BOUNDARIES {
        let mine = |s: &&Source| under(&s.path, rule.within) && !under(&s.path, rule.except);
        for source in sources.iter().filter(mine) {
            for found in source.paths.iter().filter(|p| rule.forbids(&p.text)) {
                offences.push(format!("{}:{}: {} ({})", source.path, found.line, found.text, rule.says));
            }
        }
    }
    assert_none("known without leave", &offences);
    Ok(())
}

#[test]
fn every_exception_is_still_needed() -> anyhow::Result<()> {
    let sources = read_all()?;
    let unused = |rule: &rules::Boundary, place: &str| {
        let mut there = sources.iter().filter(|s| under(&s.path, &[place]));
        !there.any(|s| s.paths.iter().any(|p| rule.forbids(&p.text)))
    };
    for rule in BOUNDARIES {
        // A place that does not exist yet is a plan, not a leftover.
        let exists = |place: &str| sources.iter().any(|s| under(&s.path, &[place]));
        let stale = rule.except.iter().filter(|p| exists(p) && unused(rule, p)).map(|p| (*p).to_owned());
        assert_none(&format!("exceptions nobody needs any more ({})", rule.says), &stale.collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn keywords_stay_where_they_are_audited() -> anyhow::Result<()> {
    let sources = read_all()?;
    for (word, home) in KEYWORDS {
        let mut offences = Vec::new();
        for source in sources.iter().filter(|s| !under(&s.path, home)) {
            let lines = source.idents.iter().filter(|(w, _)| w == word).map(|(_, line)| line);
            offences.extend(lines.map(|l| format!("{}:{l}", source.path)));
        }
        assert_none(&format!("`{word}` outside {home:?}"), &offences);
    }
    Ok(())
}

#[test]
fn sql_is_written_in_one_place() -> anyhow::Result<()> {
    let mut offences = Vec::new();
    for source in read_all()?.iter().filter(|s| !under(&s.path, SQL_HOME)) {
        let sql = source.strings.iter().filter(|(text, _)| rules::is_sql(text));
        offences.extend(sql.map(|(text, line)| format!("{}:{line}: {text}", source.path)));
    }
    assert_none("SQL outside its home", &offences);
    Ok(())
}

#[test]
fn files_and_functions_stay_short() -> anyhow::Result<()> {
    let mut offences = Vec::new();
    let mut by_crate: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for source in read_all()? {
        if source.lines > MAX_FILE {
            offences.push(format!("{}: {} lines, over {MAX_FILE}", source.path, source.lines));
        }
        for function in &source.functions {
            if function.lines > MAX_FUNCTION {
                let (path, name) = (&source.path, &function.name);
                offences.push(format!("{path}:{}: {name} has {} lines", function.line, function.lines));
            }
            by_crate.entry(source.package.clone()).or_default().push(function.lines);
        }
    }
    for (package, mut lengths) in by_crate {
        lengths.sort_unstable();
        let p90 = lengths[(lengths.len() - 1) * 9 / 10];
        if p90 > P90_FUNCTION {
            offences.push(format!(
                "{package}: nine of ten functions have up to {p90} lines, over {P90_FUNCTION}"
            ));
        }
    }
    assert_none("too long", &offences);
    Ok(())
}

#[test]
fn names_say_what_a_thing_is() -> anyhow::Result<()> {
    let mut offences = Vec::new();
    for source in read_all()? {
        for (name, line) in source.types.iter().filter(|(n, _)| BANNED_ENDINGS.iter().any(|e| n.ends_with(e)))
        {
            offences.push(format!("{}:{line}: {name}", source.path));
        }
        let stem = source.stem();
        let last = stem.rsplit('_').next().unwrap_or_default();
        if BANNED_ENDINGS.iter().any(|e| e.eq_ignore_ascii_case(last)) {
            offences.push(format!("{}: a file of that name", source.path));
        }
        if stem.split('_').any(|word| VENDORS.contains(&word)) {
            offences.push(format!("{}: named after a vendor", source.path));
        }
    }
    assert_none("names", &offences);
    Ok(())
}

#[test]
fn every_module_says_what_it_is() -> anyhow::Result<()> {
    let silent = |s: &Source| !s.text.starts_with("//! ") && !s.path.ends_with("/tests.rs");
    let silent = read_all()?.into_iter().filter(silent);
    assert_none("no `//!` at the top", &silent.map(|s| s.path).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn nothing_is_left_for_later() -> anyhow::Result<()> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut offences = Vec::new();
    for (path, text) in source::read_texts()? {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|m| line.contains(m)) {
                offences.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none("left for later", &offences);
    Ok(())
}
