//! The rules themselves, as data.

/// Lines of a file.
pub(crate) const MAX_FILE: usize = 600;
/// Lines of any function.
pub(crate) const MAX_FUNCTION: usize = 100;
/// Lines of nine functions out of ten, per crate.
pub(crate) const P90_FUNCTION: usize = 30;

/// Words that say nothing about a thing.
pub(crate) const BANNED_ENDINGS: &[&str] =
    &["Manager", "Helper", "Util", "Utils", "Service", "Handler", "Processor", "Data", "Info"];

/// Vendors are rows of data, never files.
pub(crate) const VENDORS: &[&str] = &[
    "zhipu",
    "deepseek",
    "qwen",
    "aliyun",
    "moonshot",
    "kimi",
    "minimax",
    "longcat",
    "volcengine",
    "tencent",
    "hunyuan",
    "xiaomi",
    "mistral",
    "groq",
    "openrouter",
    "xai",
    "together",
    "fireworks",
    "cerebras",
    "siliconflow",
    "azure",
    "vllm",
    "lmstudio",
];

/// Words that only audited files may hold.
pub(crate) const KEYWORDS: &[(&str, &[&str])] = &[("unsafe", &["protocol/src/transport/inherit.rs"])];

/// The only place that knows the database's language.
pub(crate) const SQL_HOME: &[&str] = &["supervisor/src/store/", "migrations/"];

/// The string is a statement in SQL.
pub(crate) fn is_sql(literal: &str) -> bool {
    let text = literal.trim_start_matches(['r', '#', '"']).trim_start();
    const STARTS: [&str; 8] = [
        "SELECT ",
        "INSERT INTO ",
        "INSERT OR ",
        "UPDATE ",
        "DELETE FROM ",
        "CREATE TABLE",
        "PRAGMA ",
        "BEGIN IMMEDIATE",
    ];
    STARTS.iter().any(|s| text.starts_with(s))
}

/// What code in some place must not name.
pub(crate) struct Boundary {
    pub(crate) says: &'static str,
    /// Files, or folders with a closing `/`.
    pub(crate) within: &'static [&'static str],
    /// The exact places that may.
    pub(crate) except: &'static [&'static str],
    /// A path is forbidden when it is one of these or goes on from one; a leading `*::` stands for any
    /// beginning.
    paths: &'static [&'static str],
}

impl Boundary {
    pub(crate) fn forbids(&self, path: &str) -> bool {
        self.paths.iter().any(|p| match p.strip_prefix("*::") {
            Some(tail) => {
                continues(path, tail)
                    || path.match_indices("::").any(|(i, _)| continues(&path[i + 2..], tail))
            }
            None => continues(path, p),
        })
    }
}

fn continues(path: &str, from: &str) -> bool {
    path.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

pub(crate) const BOUNDARIES: &[Boundary] = &[
    Boundary {
        says: "a worker knows nothing of the supervisor",
        within: &["worker/"],
        except: &[],
        paths: &["supervisor"],
    },
    Boundary {
        says: "the supervisor only starts the worker's entry point",
        within: &["supervisor/"],
        except: &["supervisor/src/main.rs"],
        paths: &["worker"],
    },
    Boundary {
        says: "protocol is pure outside its transport",
        within: &["protocol/src/"],
        except: &["protocol/src/transport/"],
        paths: &[
            "tokio",
            "tokio_util",
            "interprocess",
            "std::env",
            "std::fs",
            "*::TcpStream",
            "*::TcpListener",
            "*::UdpSocket",
            "*::ToSocketAddrs",
            "std::process",
            "std::thread",
            "*::Instant::now",
            "*::SystemTime",
            "rand",
            "getrandom",
            "hyper",
            "axum",
        ],
    },
    Boundary {
        says: "interprocess is known to the transport only",
        within: &["protocol/", "worker/", "supervisor/"],
        except: &["protocol/src/transport/"],
        paths: &["interprocess"],
    },
    Boundary {
        says: "the router reaches neither store nor vault nor fleet",
        within: &["supervisor/src/router/"],
        except: &[],
        paths: &["supervisor::store", "supervisor::vault", "supervisor::fleet"],
    },
    Boundary {
        says: "the fleet does not know the store",
        within: &["supervisor/src/fleet/"],
        except: &[],
        paths: &["supervisor::store"],
    },
    Boundary {
        says: "client APIs do not know the admin API",
        within: &["supervisor/src/router/front/"],
        except: &[],
        paths: &["supervisor::router::admin"],
    },
    Boundary {
        says: "the admin API does not know the client APIs",
        within: &["supervisor/src/router/admin/"],
        except: &[],
        paths: &["supervisor::router::front"],
    },
    Boundary {
        // The transport gives a command its descriptors; the probe tries what must be denied.
        says: "processes are started in one place",
        within: &["protocol/", "worker/", "supervisor/"],
        except: &[
            "supervisor/src/fleet/child.rs",
            // Waits for them.
            "supervisor/src/fleet/process.rs",
            "protocol/src/transport/inherit.rs",
            "worker/src/sandbox/probe.rs",
            // An installation tells the service manager.
            "supervisor/src/install/shell.rs",
        ],
        paths: &["std::process::Command", "tokio::process", "*::Command::new"],
    },
    Boundary {
        says: "connections to providers are opened in one place",
        within: &["worker/src/", "supervisor/src/"],
        except: &["worker/src/upstream/", "worker/src/sandbox/probe.rs"],
        paths: &[
            "hyper_util::client",
            "hyper_rustls",
            "hyper::client",
            "*::TcpStream::connect",
            "*::TcpStream::connect_timeout",
            "*::UdpSocket::bind",
            "tokio::net::lookup_host",
        ],
    },
    Boundary {
        says: "local sockets are the transport's",
        within: &["worker/src/", "supervisor/src/"],
        // The command line asks once, blocking, and ends.
        except: &["worker/src/sandbox/probe.rs", "supervisor/src/control/client.rs"],
        paths: &["*::UnixStream::connect", "*::UnixListener::bind"],
    },
    Boundary {
        // The sandbox must know where the CA certificates are before it closes the rest.
        says: "the environment is read by the settings",
        within: &["worker/src/", "supervisor/src/"],
        except: &["supervisor/src/settings/", "worker/src/sandbox/landlock.rs"],
        paths: &["std::env::var", "std::env::vars", "std::env::var_os", "std::env::vars_os"],
    },
    Boundary {
        // Apart from the settings: the sandbox, the directories that the
        // supervisor makes, and what the router must know across restarts.
        says: "files are read by the settings",
        within: &["worker/src/", "supervisor/src/"],
        except: &[
            "supervisor/src/settings/",
            // The kernel's list of who listens on this machine.
            "supervisor/src/control/local.rs",
            "supervisor/src/serve/directory.rs",
            // An anonymous file, handed from one program of this process to the next.
            "supervisor/src/serve/image.rs",
            "supervisor/src/serve/recollection.rs",
            // What the user asked the command line to write, and an installation.
            "supervisor/src/operate/write.rs",
            "supervisor/src/install/shell.rs",
            "worker/src/sandbox/landlock.rs",
            "worker/src/sandbox/probe.rs",
            // The record and its master key: files of its own, made and read by nobody else.
            "supervisor/src/store/",
            "supervisor/src/vault/key_file.rs",
            // The spools: written by the router, through a descriptor it inherited, and taken by the ledger.
            "supervisor/src/ledger/spool.rs",
            "supervisor/src/ledger/spools.rs",
            "supervisor/src/router/spool.rs",
        ],
        paths: &["std::fs", "tokio::fs", "*::File::open", "*::File::create"],
    },
    Boundary {
        says: "the database is the store's",
        within: &["protocol/", "worker/", "supervisor/"],
        except: &["supervisor/src/store/"],
        paths: &["rusqlite"],
    },
    Boundary {
        says: "every task has a parent and every queue a bound",
        within: &["protocol/", "worker/", "supervisor/", "tests/"],
        except: &[],
        paths: &["tokio::spawn", "*::task::spawn", "*::unbounded_channel"],
    },
];
