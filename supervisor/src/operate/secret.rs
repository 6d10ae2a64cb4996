//! Secrets on their way in: typed without being shown, or the first line of standard input. Never an argument.

use super::line::Failure;
use crate::cli::deed::{KeyFrom, SecretFrom};
use crate::cli::out;
use protocol::control::SecretText;
use protocol::control::provider::KeyValue;
use std::io::{self, BufRead, IsTerminal, Read};
use zeroize::Zeroizing;

/// No secret is longer.
const LONGEST: u64 = 64 * 1024;

/// A provider's key or the reference to it.
pub(super) fn key(from: &KeyFrom) -> Result<KeyValue, Failure> {
    offered(from)?.ok_or_else(|| Failure::Usage("the key is empty".to_owned()))
}

/// Something else that is secret, asked for by its name.
pub(super) fn named(from: &KeyFrom, name: &str) -> Result<KeyValue, Failure> {
    let found = match from {
        KeyFrom::Text(source) => text(read(*source, &format!("{name}: "))?),
        other => offered(other)?,
    };
    found.ok_or_else(|| Failure::Usage(format!("`{name}` is empty")))
}

/// The same, or nothing where nothing was given.
pub(super) fn offered(from: &KeyFrom) -> Result<Option<KeyValue>, Failure> {
    Ok(match from {
        KeyFrom::File(path) => {
            let whole = std::path::absolute(path).map_err(Failure::io("no path"))?;
            Some(KeyValue::File(whole.to_string_lossy().into_owned()))
        }
        KeyFrom::Env(name) => Some(KeyValue::Env(name.clone())),
        KeyFrom::Text(source) => text(read(*source, "Key: ")?),
        KeyFrom::Offered if is_attended() => text(prompt("Key (nothing = none): ")?),
        KeyFrom::Offered => None,
        KeyFrom::NoPlace => {
            let how = "say where a secret is, not what it is: ask, stdin, file:PATH or env:NAME";
            return Err(Failure::Usage(how.to_owned()));
        }
    })
}

fn text(secret: Zeroizing<String>) -> Option<KeyValue> {
    (!secret.is_empty()).then(|| KeyValue::Text(SecretText::new(secret.to_string())))
}

/// A password; typed twice where it cannot be seen.
pub(super) fn password(from: SecretFrom) -> Result<SecretText, Failure> {
    let first = read(from, "Password: ")?;
    if from == SecretFrom::Prompt && *prompt("The same again: ")? != *first {
        return Err(Failure::Usage("the two passwords differ".to_owned()));
    }
    if first.is_empty() {
        return Err(Failure::Usage("the password is empty".to_owned()));
    }
    Ok(SecretText::new(first.to_string()))
}

fn read(from: SecretFrom, ask: &str) -> Result<Zeroizing<String>, Failure> {
    match from {
        SecretFrom::Prompt if is_attended() => prompt(ask),
        SecretFrom::Prompt => {
            let how =
                "there is no terminal to ask on; give it on standard input (--key-stdin, --password-stdin)";
            Err(Failure::Usage(how.to_owned()))
        }
        SecretFrom::Stdin => first_line(),
    }
}

fn is_attended() -> bool {
    io::stdin().is_terminal() && out::terminals().1
}

fn prompt(ask: &str) -> Result<Zeroizing<String>, Failure> {
    let typed = rpassword::prompt_password(ask).map_err(Failure::io("cannot ask on the terminal"))?;
    Ok(Zeroizing::new(typed.trim().to_owned()))
}

fn first_line() -> Result<Zeroizing<String>, Failure> {
    // The whole at once: a secret must not be left behind in buffers that were outgrown.
    let mut line = Zeroizing::new(String::with_capacity(LONGEST as usize));
    io::stdin()
        .lock()
        .take(LONGEST)
        .read_line(&mut line)
        .map_err(Failure::io("cannot read standard input"))?;
    let trimmed = line.trim().to_owned();
    Ok(Zeroizing::new(trimmed))
}

/// What was given, else all of standard input.
pub(super) fn text_or_stdin(given: Option<String>) -> Result<String, Failure> {
    let Some(given) = given else {
        let mut text = String::new();
        let limit = protocol::control::MAX_LINE as u64;
        io::stdin()
            .lock()
            .take(limit)
            .read_to_string(&mut text)
            .map_err(Failure::io("cannot read standard input"))?;
        return Ok(text);
    };
    Ok(given)
}
