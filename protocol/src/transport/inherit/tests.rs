use super::*;
use std::io::{Read, Write};
use std::process::Stdio;

/// Set in the child that a test starts: what it must do.
const PART: &str = "LLM_LINK_TEST_INHERIT";

/// This test binary again, running [`child_part`] only.
fn child(part: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", "transport::inherit::tests::child_part", "--nocapture", "--ignored"]);
    command.env_clear().env(PART, part).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn pair() -> (UnixStream, OwnedFd) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (ours, theirs.into())
}

#[test]
#[ignore = "the child's part of the other tests"]
#[expect(clippy::zombie_processes, reason = "the part `middle` ends before its child on purpose")]
fn child_part() {
    match std::env::var(PART).as_deref() {
        Ok("talk") => {
            let control = adopt_control().unwrap();
            let tcp = adopt_tcp_listener(0).unwrap();
            let local = adopt_unix_listener(1).unwrap();
            assert!(matches!(adopt_control(), Err(InheritError::Taken { number: 3 })));
            assert!(matches!(adopt_tcp_listener(2), Err(InheritError::Missing { number: 6 })));
            let error = tcp.accept().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "inherited sockets do not block");
            let flags = FdFlag::from_bits_retain(fcntl(&local, FcntlArg::F_GETFD).unwrap());
            assert!(flags.contains(FdFlag::FD_CLOEXEC));
            let text = format!("{}", tcp.local_addr().unwrap());
            (&control).write_all(text.as_bytes()).unwrap();
        }
        Ok("append") => {
            let control = adopt_control().unwrap();
            assert!(adopt_tcp_listener((SPOOL - FIRST_LISTENER) as u32).is_err(), "the spool is no listener");
            let mut spool = adopt_spool().unwrap();
            assert!(matches!(adopt_spool(), Err(InheritError::Taken { number: SPOOL })));
            spool.write_all(b" and the child").unwrap();
            (&control).write_all(b"done").unwrap();
        }
        Ok("write anywhere") => {
            let control = adopt_control().unwrap();
            let error = adopt_spool().unwrap_err().to_string();
            (&control).write_all(error.as_bytes()).unwrap();
        }
        Ok("wrong kind") => {
            let error = adopt_control().unwrap_err();
            assert!(error.to_string().contains("not by hand"), "{error}");
            assert!(adopt_tcp_listener(0).is_err());
            // The error took nothing over and closed nothing.
            assert!(matches!(adopt_control(), Err(InheritError::Kind { .. })));
        }
        Ok("middle") => {
            let theirs = OwnedFd::from(adopt_control().unwrap());
            let mut command = Command::new("sleep");
            command.arg("1000").stdout(Stdio::null());
            prepare(&mut command, vec![(theirs, 3)]).unwrap();
            command.spawn().unwrap();
        }
        other => panic!("no such part: {other:?}"),
    }
}

/// What the child says until it closes fd 3, and whether it ended well.
fn run(mut command: Command, mut ours: UnixStream) -> (String, bool) {
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut said = String::new();
    ours.read_to_string(&mut said).unwrap();
    (said, child.wait().unwrap().success())
}

#[test]
fn a_child_appends_to_its_spool_and_to_no_other_file() {
    let path = std::env::temp_dir().join(format!("llm-link-spool-{}", std::process::id()));
    std::fs::write(&path, "the parent").unwrap();
    for (part, append, answer) in
        [("append", true, "done"), ("write anywhere", false, "is not a file to append to")]
    {
        let file = std::fs::OpenOptions::new().write(true).append(append).open(&path).unwrap();
        let (ours, theirs) = pair();
        let mut command = child(part);
        prepare(&mut command, vec![(theirs, 3), (file.into(), SPOOL)]).unwrap();
        let (said, well) = run(command, ours);
        assert!(well && said.contains(answer), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "the parent and the child");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_child_takes_over_control_and_listeners() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let dir = std::env::temp_dir().join(format!("llm-link-inherit-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let local = UnixListener::bind(dir.join("a.sock")).unwrap();
    let (ours, theirs) = pair();
    let mut command = child("talk");
    prepare(&mut command, vec![(theirs, 3), (tcp.into(), 4), (local.into(), 5)]).unwrap();
    assert_eq!(run(command, ours), (address, true));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn sources_may_lie_on_the_targets_of_others() {
    // Two pairs whose numbers are among the targets, passed crosswise.
    let (ours_a, theirs_a) = pair();
    let (ours_b, theirs_b) = pair();
    let (number_a, number_b) = (theirs_a.as_raw_fd(), theirs_b.as_raw_fd());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("printf a >&{number_a}; printf b >&{number_b}")]);
    prepare(&mut command, vec![(theirs_a, number_b), (theirs_b, number_a)]).unwrap();
    let mut child = command.spawn().unwrap();
    drop(command);
    let read = |mut s: UnixStream| {
        let mut text = String::new();
        s.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!((read(ours_a), read(ours_b)), ("b".into(), "a".into()));
    assert!(child.wait().unwrap().success());
}

#[test]
fn nothing_else_reaches_the_child() {
    // Without close-on-exec: exactly what a careless parent leaks.
    let (ours, theirs) = pair();
    let null = File::open("/dev/null").unwrap();
    let leaked = fcntl(&null, FcntlArg::F_DUPFD(20)).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "for f in /proc/$$/fd/*; do echo ${f##*/}; done >&3"]);
    prepare(&mut command, vec![(theirs, 3)]).unwrap();
    let (said, ended_well) = run(command, ours);
    assert!(ended_well);
    let open: Vec<RawFd> = said.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(open.contains(&3) && !open.contains(&leaked), "{leaked} leaked: {open:?}");
    // 4 is the directory being listed; 10 and above are the shell's own copies of its standard streams.
    assert!(open.iter().all(|n| *n <= 4 || *n >= 10), "{open:?}");
}

#[test]
fn a_child_leads_a_group_of_its_own_in_the_session_of_its_parent() {
    let (ours, theirs) = pair();
    let mut command = Command::new("/bin/sh");
    let said =
        "read -r pid comm state parent group session rest < /proc/$$/stat; echo $((group - $$)) $session >&3";
    command.args(["-c", said]);
    prepare(&mut command, vec![(theirs, 3)]).unwrap();
    let session = nix::unistd::getsid(None).unwrap();
    assert_eq!(run(command, ours), (format!("0 {session}\n"), true));
}

#[test]
fn a_child_dies_with_its_parent() {
    let (ours, theirs) = pair();
    let mut command = child("middle");
    prepare(&mut command, vec![(theirs, 3)]).unwrap();
    // The grandchild sleeps for 1000 s with the only other copy of the socket: its end is our end of file.
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(run(command, ours), (String::new(), true));
}

#[test]
fn a_role_started_by_hand_is_told_so() {
    let (ours, theirs) = pair();
    let mut command = child("wrong kind");
    let file = OwnedFd::from(File::open("/dev/null").unwrap());
    prepare(&mut command, vec![(file, 3), (theirs, 4)]).unwrap();
    assert_eq!(run(command, ours), (String::new(), true));
}

#[test]
fn numbers_are_checked_before_the_fork() {
    for numbers in [vec![2], vec![3, 3], vec![CONTROL + MAX_PASSED as RawFd]] {
        let passed = numbers.iter().map(|n| (pair().1, *n)).collect();
        let error = prepare(&mut Command::new("/bin/true"), passed).unwrap_err();
        assert!(matches!(error, InheritError::Number { .. }), "{error}");
    }
}

#[test]
fn a_failed_exec_is_reported_not_sent_to_the_peer() {
    let (ours, theirs) = pair();
    let mut command = Command::new("/no/such/program");
    prepare(&mut command, vec![(theirs, 3)]).unwrap();
    assert_eq!(command.spawn().unwrap_err().kind(), io::ErrorKind::NotFound);
    drop(command);
    let mut said = String::new();
    (&ours).read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}
