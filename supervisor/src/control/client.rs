//! The asking end of the control socket, for the command line. Blocking: it asks once and ends.

use super::SOCKET;
use protocol::control::{Ask, Caller, ControlReply, ControlRequest, MAX_LINE};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no llm-link answers at {}; is it running, and with this state directory?", path.display())]
    NotThere { path: PathBuf, source: io::Error },
    #[error("the control connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("the reply cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Asks the supervisor whose runtime directory this is, and waits that long for the answer.
pub(crate) fn ask(
    runtime_dir: &Path,
    request: ControlRequest,
    patience: Duration,
) -> Result<ControlReply, AskError> {
    let path = runtime_dir.join(SOCKET);
    let mut stream = UnixStream::connect(&path).map_err(|source| AskError::NotThere { path, source })?;
    stream.set_read_timeout(Some(patience))?;
    let caller = Caller::Local { uid: nix::unistd::getuid().as_raw() };
    let mut line = serde_json::to_vec(&Ask { caller, request, idempotency_key: None })?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reply = String::new();
    BufReader::new(stream.take(MAX_LINE as u64 + 1)).read_line(&mut reply)?;
    if reply.is_empty() {
        return Err(AskError::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(serde_json::from_str(&reply)?)
}
