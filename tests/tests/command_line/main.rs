//! The command line as people and scripts use it: the real executable, its output and its exit codes.

mod beside;
mod import;
mod install;
mod old_flags;
mod old_pages;
mod people;
mod stored;
mod vocabulary;

use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tests::stack::executable;

/// Runs the executable without a running instance, in an environment of its own.
fn run(home: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(executable()?);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home);
    command.envs(environment.iter().copied()).args(arguments).stdin(Stdio::null());
    command.output().context("the executable")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}
