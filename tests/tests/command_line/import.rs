//! Import without a running instance: the report, and a document for later.

use super::{code, err, out, run};
use anyhow::Result;
use serde_json::Value;

const OLD: &str = "server: {host: 127.0.0.1, port: 8080, log_level: info}\n\
    llm_backend: {type: Zhipu, api_key: \"${OLD_KEY}\", model: glm-4.6}\n\
    apis: {openai: {enabled: true, path: /v1, api_key: client-secret}}\n";

#[test]
fn a_dry_run_reports_every_setting_and_repeats_no_secret() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("llm-link.yaml");
    std::fs::write(&file, OLD)?;
    let (path, state) = (file.display().to_string(), home.path().join("state").display().to_string());
    let words = ["import", "--dry-run", "--state-dir", &state, &path];
    let done = run(home.path(), &words, &[("OLD_KEY", "sk-old-secret")])?;
    assert_eq!(code(&done), 0, "{}", err(&done));
    let text = out(&done);
    for expected in ["sealed as a key of provider zhipu", "0 manual", "nothing was changed"] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");
    let json = run(home.path(), &[&words[..], &["--json"]].concat(), &[])?;
    let findings: Value = serde_json::from_str(&out(&json))?;
    let manual: Vec<&str> = findings["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|finding| finding["grade"] == "manual")
        .filter_map(|finding| finding["setting"].as_str())
        .collect();
    assert_eq!(manual, ["llm_backend.api_key"], "the variable is not set: {findings}");
    Ok(())
}

#[test]
fn a_document_is_written_without_keys() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("llm-link.yaml");
    std::fs::write(&file, OLD)?;
    let (path, state) = (file.display().to_string(), home.path().join("state").display().to_string());
    let to = home.path().join("out.toml");
    let words = ["import", &path, "--state-dir", &state, "-o", &to.display().to_string()];
    let done = run(home.path(), &words, &[("OLD_KEY", "sk-old-secret")])?;
    assert_eq!(code(&done), 0, "{}", err(&done));
    assert!(out(&done).contains("1 provider keys are not in it"), "{}", out(&done));
    let text = std::fs::read_to_string(&to)?;
    assert!(text.contains("name = \"zhipu\"") && text.contains("sha256 = "), "{text}");
    assert!(!text.contains("sk-old-secret") && !text.contains("client-secret"), "{text}");
    let valueless = "{ label = \"imported\" }";
    assert!(!text.contains(valueless), "a key without a value could not be applied: {text}");
    let unknown = home.path().join("odd.yaml");
    std::fs::write(&unknown, "hello: 1\n")?;
    let refused = run(
        home.path(),
        &["import", "--dry-run", "--state-dir", &state, &unknown.display().to_string()],
        &[],
    )?;
    assert_eq!(code(&refused), 6);
    assert!(err(&refused).contains("was not imported"), "{}", err(&refused));
    Ok(())
}
