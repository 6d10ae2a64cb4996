//! Seccomp: system calls a worker never needs, denied for the whole process.
//!
//! Owns the list and its reasons. A denied call fails with `EPERM` rather than killing: libraries probe,
//! and a probe must not end a worker. It repeats what Landlock denies (writes, foreign signals), because
//! Landlock may be missing or old.
//!
//! Three programs are stacked and all of them run: the list; `clone3` and `openat2`, whose arguments no
//! filter can see, answered `ENOSYS` so that callers fall back to calls that can be judged; and on x86-64
//! the x32 numbers, which would otherwise be a second door to everything on the list. The kernel ends the
//! process when a call comes through another architecture's table.

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Denied whatever the arguments.
#[rustfmt::skip]
const NEVER: &[i64] = &[
    // another program, another process's memory, another process
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace, libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev, libc::SYS_kcmp, libc::SYS_pidfd_open, libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal, libc::SYS_process_madvise, libc::SYS_process_mrelease, libc::SYS_tkill,
    libc::SYS_migrate_pages, libc::SYS_move_pages,
    // a place before others at the processors and disks
    libc::SYS_setpriority, libc::SYS_sched_setattr, libc::SYS_sched_setscheduler, libc::SYS_sched_setparam,
    libc::SYS_sched_setaffinity, libc::SYS_ioprio_set,
    // another view of the system
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_fsopen,
    libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_mount_setattr, libc::SYS_pivot_root,
    libc::SYS_chroot, libc::SYS_unshare, libc::SYS_setns, libc::SYS_personality,
    // kernel interfaces with a history
    libc::SYS_bpf, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_perf_event_open,
    libc::SYS_userfaultfd, libc::SYS_fanotify_init, libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at,
    libc::SYS_lookup_dcookie, libc::SYS_nfsservctl, libc::SYS_quotactl, libc::SYS_acct, libc::SYS_syslog,
    // the machine
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load,
    libc::SYS_reboot, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_settimeofday, libc::SYS_clock_settime,
    libc::SYS_clock_adjtime, libc::SYS_adjtimex, libc::SYS_sethostname, libc::SYS_setdomainname,
    libc::SYS_vhangup,
    // changes to files that Landlock does not cover
    libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_utimensat,
    libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr, libc::SYS_removexattr,
    libc::SYS_lremovexattr, libc::SYS_fremovexattr, libc::SYS_truncate, libc::SYS_mknodat,
    libc::SYS_mkdirat, libc::SYS_unlinkat, libc::SYS_symlinkat, libc::SYS_linkat, libc::SYS_renameat2,
    // the other end of a conversation: the sockets a worker serves exist before this filter
    libc::SYS_listen, libc::SYS_socketpair,
];

/// Newer than the tables of every libc; the number is the same on every architecture.
const FCHMODAT2: i64 = 452;

/// packet(7)'s old spelling, deprecated and still understood by kernels.
const SOCK_PACKET: i32 = 10;

/// What the generic table (aarch64, riscv64) has no number for.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const NEVER_HERE: &[i64] = &[
    libc::SYS_fork, libc::SYS_vfork, libc::SYS_kexec_file_load, libc::SYS_iopl, libc::SYS_ioperm,
    libc::SYS_modify_ldt, libc::SYS_creat, libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown,
    libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_mknod, libc::SYS_mkdir,
    libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_symlink, libc::SYS_link, libc::SYS_rename,
    libc::SYS_renameat, libc::SYS_uselib,
];
#[cfg(target_arch = "aarch64")]
const NEVER_HERE: &[i64] = &[libc::SYS_kexec_file_load, libc::SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NEVER_HERE: &[i64] = &[];

/// Denied with `ENOSYS`; see the module.
const ABSENT: &[i64] = &[libc::SYS_clone3, libc::SYS_openat2];

/// Installs the filters in every thread of this process.
pub(super) fn install() -> Result<(), String> {
    let programs = programs().map_err(|e| e.to_string())?;
    programs.iter().try_for_each(|p| seccompiler::apply_filter_all_threads(p)).map_err(|e| e.to_string())
}

fn programs() -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let mut programs = vec![program(denied()?, libc::EPERM)?];
    let absent = ABSENT.iter().map(|nr| (*nr, Vec::new())).collect();
    programs.push(program(absent, libc::ENOSYS)?);
    if cfg!(target_arch = "x86_64") {
        programs.push(no_x32());
    }
    Ok(programs)
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    errno: i32,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let deny = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, deny, arch)?.try_into()
}

/// The list: numbers without rules are always denied, others when one of their rules matches.
fn denied() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let always = NEVER.iter().chain(NEVER_HERE).chain(&[FCHMODAT2]).map(|nr| (*nr, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.collect();
    rules.insert(libc::SYS_clone, vec![all([without(0, libc::CLONE_THREAD)])?]);
    rules.insert(libc::SYS_socket, sockets()?);
    for nr in [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo] {
        rules.insert(nr, vec![all([not(0, own_pid())])?]);
    }
    rules.insert(libc::SYS_prlimit64, vec![all([not(0, 0), not(0, own_pid())])?]);
    rules.insert(libc::SYS_openat, writes(2)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, writes(1)?);
    let again = [libc::PR_SET_DUMPABLE, libc::PR_SET_PTRACER, libc::PR_SET_MM];
    rules.insert(libc::SYS_prctl, again.iter().map(|op| all([is(0, *op)])).collect::<Result<_, _>>()?);
    // Typing into the terminal that started us.
    let typing = [libc::TIOCSTI as i32, 0x541C];
    rules.insert(libc::SYS_ioctl, typing.iter().map(|op| all([is(1, *op)])).collect::<Result<_, _>>()?);
    // TCP Fast Open connects while sending, past Landlock's rules for ports.
    for (nr, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        rules.insert(nr, vec![all([with(flags, libc::MSG_FASTOPEN)])?]);
    }
    Ok(rules)
}

/// Only TCP and UDP over IP, and the netlink routes that name resolution asks. Other stream protocols
/// (MPTCP, SCTP) are not seen by Landlock's rules for ports.
fn sockets() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let kind = |k: i32| masked(1, 0xf, k);
    let mut rules = vec![
        all([not(0, libc::AF_INET), not(0, libc::AF_INET6), not(0, libc::AF_NETLINK)])?,
        all([is(0, libc::AF_NETLINK), not(2, libc::NETLINK_ROUTE)])?,
        all([kind(libc::SOCK_STREAM), not(2, 0), not(2, libc::IPPROTO_TCP)])?,
    ];
    for other in [libc::SOCK_RAW, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP, SOCK_PACKET] {
        rules.push(all([not(0, libc::AF_NETLINK), kind(other)])?);
    }
    rules.push(all([
        not(0, libc::AF_NETLINK),
        kind(libc::SOCK_DGRAM),
        not(2, 0),
        not(2, libc::IPPROTO_UDP),
    ])?);
    Ok(rules)
}

/// Opening to write, create or truncate, by the flags in that argument.
fn writes(flags: u8) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let bits = [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC];
    bits.iter().map(|bit| all([with(flags, *bit)])).collect()
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

type Condition = Result<SeccompCondition, seccompiler::BackendError>;

fn all<const N: usize>(conditions: [Condition; N]) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

/// The argument is that value.
fn is(argument: u8, value: i32) -> Condition {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, low(value))
}

/// The argument is not that value.
fn not(argument: u8, value: i32) -> Condition {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Ne, low(value))
}

/// The bits under the mask are that value.
fn masked(argument: u8, mask: i32, value: i32) -> Condition {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(low(mask)), low(value))
}

/// The argument has these bits.
fn with(argument: u8, bits: i32) -> Condition {
    masked(argument, bits, bits)
}

/// The argument has none of these bits.
fn without(argument: u8, bits: i32) -> Condition {
    masked(argument, bits, 0)
}

fn low(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

/// Four instructions: numbers from 0x4000_0000 up are x32 calls and do not exist.
fn no_x32() -> BpfProgram {
    const LOAD: u16 = 0x20;
    const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const ERRNO: u32 = 0x0005_0000;
    const ALLOW: u32 = 0x7fff_0000;
    let op = |code, jt, jf, k| seccompiler::sock_filter { code, jt, jf, k };
    vec![
        op(LOAD, 0, 0, 0),
        op(JUMP_IF_GREATER_OR_EQUAL, 0, 1, 0x4000_0000),
        op(RETURN, 0, 0, ERRNO | libc::ENOSYS.cast_unsigned()),
        op(RETURN, 0, 0, ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_compile_and_stay_within_the_kernels_bound() {
        let programs = programs().unwrap();
        assert!(programs.len() >= 2);
        for program in &programs {
            assert!(program.len() > 3 && program.len() < 4096, "{} instructions", program.len());
        }
    }

    #[test]
    fn no_number_is_both_always_and_sometimes_denied() {
        let rules = denied().unwrap();
        let sometimes = rules.values().filter(|r| !r.is_empty()).count();
        let always: std::collections::BTreeSet<_> =
            NEVER.iter().chain(NEVER_HERE).chain(&[FCHMODAT2]).collect();
        assert_eq!(rules.len(), always.len() + sometimes);
        assert!(!rules.contains_key(&libc::SYS_accept4), "the data socket is still served");
    }
}
