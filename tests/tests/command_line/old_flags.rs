//! The start lines of llm-link up to 0.7, unchanged, each with its own port. They run in a network of their own, so
//! that the ports are free; where that is not possible (no root, no tools) the test says so and passes.

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tests::stack::{executable, say};
use tests::wait;

/// A start may take this long with a debug build on a busy machine.
const START: Duration = Duration::from_secs(30);

/// A started line: what is where, and who may come in.
struct Line {
    words: &'static str,
    port: u16,
    /// The clients' key, if they need one.
    key: Option<&'static str>,
    /// Paths that answer with 200.
    paths: &'static [&'static str],
}

const LINES: [Line; 16] = [
    Line {
        words: "--app codex --provider zhipu --api-key K --model glm-4.6 --auth-key T",
        port: 8088,
        key: Some("T"),
        paths: &["/v1/models"],
    },
    Line {
        words: "--app codex-cli --provider zhipu --api-key K",
        port: 8088,
        key: None,
        paths: &["/v1/models"],
    },
    Line {
        words: "--app codex-cli --provider zhipu --llm-api-key K --api-key T",
        port: 8088,
        key: Some("T"),
        paths: &["/v1/models"],
    },
    Line {
        words: "--app zed --protocols ollama --provider aliyun --model qwen3-coder-plus --llm-api-key K --port 11434",
        port: 11434,
        key: None,
        paths: &["/api/tags", "/api/version"],
    },
    Line { words: "--app zed --provider zhipu --api-key K", port: 11434, key: None, paths: &["/api/tags"] },
    Line {
        words: "-a zed-dev --provider moonshot --api-key K",
        port: 11434,
        key: None,
        paths: &["/api/tags"],
    },
    Line {
        words: "--app aider --provider deepseek --api-key K --auth-key T",
        port: 8090,
        key: Some("T"),
        paths: &["/v1/models"],
    },
    Line {
        words: "--app openhands --provider zhipu --api-key K --host 0.0.0.0 --auth-key T",
        port: 8091,
        key: Some("T"),
        paths: &["/v1/models"],
    },
    Line {
        words: "--app claude-code --provider anthropic --api-key K",
        port: 8089,
        key: None,
        paths: &["/v1/models"],
    },
    Line {
        words: "--app claude --provider zhipu --api-key K --auth-key T",
        port: 8089,
        key: Some("T"),
        paths: &["/v1/models"],
    },
    Line {
        words: "--app agent-zero --provider openai --api-key K",
        port: 8092,
        key: None,
        paths: &["/v1/models"],
    },
    Line {
        words: "--protocols openai,ollama,anthropic --provider zhipu --api-key K --auth-key T",
        port: 11434,
        key: Some("T"),
        paths: &["/v1/models", "/anthropic/v1/models", "/api/tags"],
    },
    Line {
        words: "--protocols ollama,anthropic --provider minimax --api-key K -p 9000 --log-level debug",
        port: 9000,
        key: None,
        paths: &["/api/tags", "/anthropic/v1/models"],
    },
    Line {
        words: "--provider ollama --api-key x --mode single --app aider",
        port: 8090,
        key: None,
        paths: &["/v1/models"],
    },
    // The addresses of `--mode multi`: clients, and administration at a port of its own.
    Line {
        words: "--mode multi --admin-port 8081 --provider zhipu --api-key K",
        port: 8081,
        key: None,
        paths: &["/health", "/v1/models", "/api/v1/setup"],
    },
    Line {
        words: "--provider aliyun --api-key K --model qwen-turbo",
        port: 8080,
        key: None,
        paths: &["/v1/models", "/anthropic/v1/models", "/api/tags"],
    },
];

/// The executable in a network of its own.
struct Alone {
    program: Child,
    home: TempDir,
}

impl Alone {
    async fn start(words: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let log = File::create(home.path().join("log"))?;
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
            .arg(executable()?);
        command.args(words.split_whitespace()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        // Where the service manager would put its things; a script says nothing of it.
        command.env("HOME", home.path()).env("STATE_DIRECTORY", home.path().join("state"));
        command.env("RUNTIME_DIRECTORY", home.path().join("run"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut alone = Self { program: command.spawn()?, home };
        let mut ended = None;
        let listens = wait::holds("the line `listening on`", START, || {
            ended = alone.program.try_wait().ok().flatten();
            ended.is_some() || alone.log().contains("listening on")
        });
        listens.await.with_context(|| alone.log())?;
        ensure!(ended.is_none(), "{words} ended: {}", alone.log());
        Ok(alone)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Status and body.
    fn get(&self, port: u16, path: &str, key: Option<&str>) -> Result<(u16, String)> {
        let mut command = Command::new("nsenter");
        command.args([
            "-t",
            &self.program.id().to_string(),
            "--net",
            "--",
            "curl",
            "-s",
            "-w",
            "\n%{http_code}",
        ]);
        if let Some(key) = key {
            command.args(["-H", &format!("authorization: Bearer {key}")]);
        }
        let output = command.arg(format!("http://127.0.0.1:{port}{path}")).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').context("a status")?;
        Ok((status.parse()?, body.to_owned()))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let pid = i32::try_from(self.program.id()).unwrap_or_default();
        // At once: nothing is in flight.
        let _gone = kill(Pid::from_raw(pid), Signal::SIGQUIT);
        let _status = self.program.wait();
    }
}

fn is_possible() -> bool {
    let has = |name: &str| {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|dir| Path::new(dir).join(name).exists())
    };
    let tools = ["unshare", "nsenter", "ip", "curl", "sh"].iter().all(|name| has(name));
    let root = nix::unistd::geteuid().is_root();
    root && tools
        && Command::new("unshare").args(["--net", "true"]).status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn every_start_line_serves_where_it_always_did() -> Result<()> {
    if !is_possible() {
        say("skipped, no network of its own here: it needs root, unshare, nsenter, ip and curl");
        return Ok(());
    }
    for line in &LINES {
        let alone = Alone::start(line.words).await?;
        let get = |path: &str, key: Option<&str>| alone.get(line.port, path, key);
        assert_eq!(get("/", None)?, (200, "Ollama is running".to_owned()), "{}", line.words);
        for path in line.paths {
            let (status, body) = get(path, line.key)?;
            assert_eq!(status, 200, "{} {path}: {body}", line.words);
            let (unknown, _) = get(path, None)?;
            assert_eq!(unknown == 401, line.key.is_some(), "{} {path} without a key: {unknown}", line.words);
        }
        assert!(!alone.log().contains("Bearer T"), "{}", alone.log());
    }
    Ok(())
}
