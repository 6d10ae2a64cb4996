//! Landlock (landlock(7)): read certificates and resolver files, connect to given ports, nothing else.
//!
//! Owns the list of readable paths. Never grants a write, and never trusts a success without looking at
//! what is enforced.
//!
//! Known bounds: UDP is not covered by the kernels this was written for (names are resolved over it); a
//! rule holds an inode, so a resolver file that is *replaced* (not edited) outside a directory listed here
//! cannot be read until the worker is replaced.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use std::path::{Path, PathBuf};

/// The newest kernel interface whose rights are all handled here.
const KNOWN: ABI = ABI::V6;

/// Certificates of the usual distributions. Not `/etc/ssl` whole: it also holds private keys.
const CERTIFICATES: [&str; 11] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/pki/ca-trust-source",
    "/usr/local/share/ca-certificates",
];

/// What the C library reads to turn a name into addresses, and the modules it loads for that.
const RESOLVER: [&str; 15] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ld.so.cache",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// Files that are often symbolic links into a directory where they get replaced.
const REPLACED: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Where network daemons keep such files, each in a directory of its own.
const DAEMONS: [&str; 3] = ["/run", "/var/run", "/mnt"];

/// What Landlock enforces.
#[derive(Debug, Default)]
pub(super) struct Walls {
    pub(super) files: bool,
    pub(super) net: bool,
    pub(super) scope: bool,
    pub(super) missing: Vec<String>,
}

/// Restricts this thread and all it will start.
pub(super) fn restrict(ports: &[u16]) -> Walls {
    let status = build(ports).and_then(RulesetCreated::restrict_self);
    let mut walls = match status {
        Ok(status) => enforced(&status),
        Err(error) => Walls { missing: vec![format!("landlock: {error}")], ..Walls::default() },
    };
    match threads() {
        Some(1) => {}
        Some(n) => {
            walls.missing.push(format!("landlock: {} threads were already running without it", n - 1));
        }
        None => walls.missing.push("landlock: the threads of this process cannot be counted".to_owned()),
    }
    walls
}

fn build(ports: &[u16]) -> Result<RulesetCreated, RulesetError> {
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(readable(), read))?;
    for port in ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(rules)
}

/// Every path that may be read; those that do not exist are skipped when the rules are made.
/// `/proc/self` is this process's own directory, for its vital signs.
fn readable() -> Vec<PathBuf> {
    let fixed = CERTIFICATES.iter().chain(&RESOLVER).map(PathBuf::from);
    let mut paths: Vec<PathBuf> = fixed.collect();
    paths.push(PathBuf::from("/proc/self"));
    paths.extend(REPLACED.iter().filter_map(|link| link_directory(Path::new(link), &DAEMONS)));
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if let Some(value) = std::env::var_os(name) {
            paths.extend(std::env::split_paths(&value).filter(|p| p.is_absolute()));
        }
    }
    paths
}

/// The directory a symbolic link's target lives in, when it is one that a network daemon owns: a link
/// into `/` or a home must not open those.
fn link_directory(link: &Path, owners: &[&str]) -> Option<PathBuf> {
    let target = std::fs::canonicalize(link).ok()?;
    let directory = target.parent()?;
    let owned = owners.iter().any(|o| directory.starts_with(o) && directory != Path::new(o));
    (target != link && owned).then(|| directory.to_owned())
}

fn enforced(status: &RestrictionStatus) -> Walls {
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled => return none("it is not enabled in this kernel"),
        LandlockStatus::NotImplemented => return none("this kernel does not have it, or a filter hides it"),
    };
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => covered(abi),
        RulesetStatus::NotEnforced => none("the kernel has it and did not enforce it"),
    }
}

/// What that kernel interface covers, and one line for each thing it does not.
fn covered(abi: ABI) -> Walls {
    let gaps = [
        (ABI::V3, "truncating files is not covered (kernel 6.2)"),
        (ABI::V4, "TCP ports are not covered (kernel 6.7)"),
        (ABI::V5, "device controls are not covered (kernel 6.10)"),
        (ABI::V6, "signals and abstract sockets are not covered (kernel 6.12)"),
    ];
    let missing = gaps.iter().filter(|(since, _)| abi < *since).map(|(_, gap)| format!("landlock: {gap}"));
    Walls { files: true, net: abi >= ABI::V4, scope: abi >= ABI::V6, missing: missing.collect() }
}

fn none(reason: &str) -> Walls {
    Walls { missing: vec![format!("landlock: {reason}")], ..Walls::default() }
}

fn threads() -> Option<usize> {
    // Readable still: `/proc/self` is among the paths above.
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_covers_what_it_is_new_enough_for() {
        let old = covered(ABI::V2);
        assert!(old.files && !old.net && !old.scope);
        assert_eq!(old.missing.len(), 4);
        let middle = covered(ABI::V4);
        assert!(middle.net && !middle.scope);
        assert_eq!(middle.missing.len(), 2);
        let new = covered(ABI::V7);
        assert!(new.files && new.net && new.scope && new.missing.is_empty());
    }

    #[test]
    fn a_plain_file_adds_no_directory_and_a_daemons_link_adds_its_targets() {
        let temp = std::fs::canonicalize(std::env::temp_dir()).unwrap();
        let dir = temp.join(format!("landlock-link-{}", std::process::id()));
        let real = dir.join("real");
        std::fs::create_dir_all(&real).unwrap();
        std::fs::write(real.join("resolv.conf"), "").unwrap();
        let link = dir.join("resolv.conf");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(real.join("resolv.conf"), &link).unwrap();
        let owner = dir.to_str().unwrap();
        assert_eq!(link_directory(&link, &[owner]), Some(real.clone()));
        assert_eq!(link_directory(&link, &[real.to_str().unwrap()]), None, "the owner's root stays closed");
        assert_eq!(link_directory(&link, &["/run"]), None);
        assert_eq!(link_directory(&real.join("resolv.conf"), &[owner]), None);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
