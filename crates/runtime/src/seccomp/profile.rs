//! Docker's default profile as data: what moby/profiles `seccomp/default.json` says, each group with its reason.
//!
//! Everything not named answers EPERM. State of moby 29.4 (May 2026), which closed AF_ALG and `socketcall` (CVE-2026-31431).

use super::syscalls::ARCH_NAMES;
use super::{Action, ArgRule, Op, Rule, Selected, kernel_version};

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;

/// All `CLONE_NEW*` flags of namespaces.
const CLONE_NAMESPACES: u64 = 0x7e02_0000;
/// Kernel crypto: a large surface no ordinary program needs.
const AF_ALG: u64 = 38;
/// Host and guest of a virtual machine: would pass by network namespaces.
const AF_VSOCK: u64 = 40;

/// When a group counts.
#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    /// The container has this capability.
    Cap(&'static str),
    /// The container does not have this capability.
    NoCap(&'static str),
    /// The machine runs programs of one of these.
    Arch(&'static [&'static str]),
    /// The kernel is at least this old.
    Kernel(u32, u32),
}

struct Group {
    names: &'static str,
    action: Action,
    arg: Option<ArgRule>,
    when: When,
}

const fn allow(when: When, names: &'static str) -> Group {
    Group { names, action: Action::Allow, arg: None, when }
}

const fn allow_if(names: &'static str, op: Op, value: u64) -> Group {
    Group { names, action: Action::Allow, arg: Some(ArgRule { index: 0, op, value, value_two: 0 }), when: When::Always }
}

/// Files and directories: the kernel's permission checks suffice, and the root is the container's.
const FILES: Group = allow(
    When::Always,
    "access cachestat chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 \
     fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr \
     flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd \
     getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl lchown lchown32 \
     lgetxattr link linkat listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat \
     mknod mknodat name_to_handle_at newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead \
     readlink readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice \
     stat stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask unlink \
     unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev",
);

/// Waiting for and moving data between descriptors.
const EVENTS: Group = allow(
    When::Always,
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 io_cancel \
     io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit _newselect pipe pipe2 poll ppoll ppoll_time64 \
     pselect6 pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime \
     timerfd_settime64",
);

/// Processes, threads, users and limits: bounded by capabilities, namespaces and the control group.
const PROCESSES: Group = allow(
    When::Always,
    "capget capset execve execveat exit exit_group fork getcpu getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups \
     getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list \
     getrusage getsid get_thread_area gettid getuid getuid32 ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset \
     landlock_restrict_self pause pidfd_open pidfd_send_signal prctl prlimit64 process_mrelease restart_syscall rseq rt_sigaction \
     rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo \
     sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler \
     sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield \
     seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority setregid setregid32 \
     setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid set_thread_area set_tid_address \
     setuid setuid32 sigaltstack sigprocmask sigreturn sysinfo tgkill times tkill ugetrlimit uname uretprobe vfork wait4 waitid \
     waitpid riscv_hwprobe",
);

/// Memory of the process itself.
const MEMORY: Group = allow(
    When::Always,
    "brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap mseal \
     msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages",
);

/// Clocks and timers; setting the clock is capability CAP_SYS_TIME's.
const TIME: Group = allow(
    When::Always,
    "adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep \
     clock_nanosleep_time64 getitimer getrandom gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun \
     timer_gettime timer_gettime64 timer_settime timer_settime64",
);

/// Sockets once they are made (making one is below), System V and POSIX ipc, futexes: bounded by the network and ipc namespaces.
const COMMUNICATION: Group = allow(
    When::Always,
    "accept accept4 bind connect futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake getpeername getsockname getsockopt \
     ipc listen mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl \
     msgget msgrcv msgsnd recv recvfrom recvmmsg recvmmsg_time64 recvmsg semctl semget semop semtimedop semtimedop_time64 send sendmmsg \
     sendmsg sendto setsockopt shmat shmctl shmdt shmget shutdown socketpair",
);

/// Tracing by the usual rules. Before 4.8 a tracer could change a call after this filter had seen it.
const TRACING: Group = allow(When::Kernel(4, 8), "process_vm_readv process_vm_writev ptrace");

/// What belongs to one machine.
const MACHINE: [Group; 3] = [
    allow(When::Arch(&["amd64", "x32"]), "arch_prctl"),
    allow(When::Arch(&["amd64", "x32", "x86"]), "modify_ldt"),
    allow(When::Arch(&["arm", "arm64"]), "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"),
];

/// All address families but AF_ALG and AF_VSOCK. Three rules, because conditions on one argument of one rule must all hold.
/// `socketcall` hides the family behind a pointer, so it stays refused.
const SOCKETS: [Group; 3] =
    [allow_if("socket", Op::Lt, AF_ALG), allow_if("socket", Op::Eq, AF_ALG + 1), allow_if("socket", Op::Gt, AF_VSOCK)];

/// Execution domains that only change what uname and address layout show: PER_LINUX, PER_LINUX32, UNAME26, both, and asking.
const PERSONALITIES: [Group; 5] = [
    allow_if("personality", Op::Eq, 0),
    allow_if("personality", Op::Eq, 0x0008),
    allow_if("personality", Op::Eq, 0x2_0000),
    allow_if("personality", Op::Eq, 0x2_0008),
    allow_if("personality", Op::Eq, 0xffff_ffff),
];

/// New processes, but no new namespaces: a user namespace would open most of the kernel to an unprivileged container. `clone3` keeps
/// its flags in memory where a filter cannot look; ENOSYS makes libc fall back to `clone`.
const CLONES: [Group; 2] = [
    Group {
        names: "clone",
        action: Action::Allow,
        arg: Some(ArgRule { index: 0, op: Op::MaskedEq, value: CLONE_NAMESPACES, value_two: 0 }),
        when: When::NoCap("CAP_SYS_ADMIN"),
    },
    Group { names: "clone3", action: Action::Errno(ENOSYS), arg: None, when: When::NoCap("CAP_SYS_ADMIN") },
];

/// What a capability is for: without it the kernel refuses anyway, with it the user asked for it.
const BY_CAPABILITY: [Group; 15] = [
    allow(When::Cap("CAP_DAC_READ_SEARCH"), "open_by_handle_at"),
    allow(
        When::Cap("CAP_SYS_ADMIN"),
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules \
         lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns \
         syslog umount umount2 unshare",
    ),
    allow(When::Cap("CAP_SYS_BOOT"), "reboot"),
    allow(When::Cap("CAP_SYS_CHROOT"), "chroot"),
    allow(When::Cap("CAP_SYS_MODULE"), "delete_module init_module finit_module"),
    allow(When::Cap("CAP_SYS_PACCT"), "acct"),
    allow(When::Cap("CAP_SYS_PTRACE"), "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
    allow(When::Cap("CAP_SYS_RAWIO"), "iopl ioperm"),
    allow(When::Cap("CAP_SYS_TIME"), "settimeofday stime clock_settime clock_settime64"),
    allow(When::Cap("CAP_SYS_TTY_CONFIG"), "vhangup"),
    allow(When::Cap("CAP_SYS_NICE"), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    allow(When::Cap("CAP_SYSLOG"), "syslog"),
    allow(When::Cap("CAP_BPF"), "bpf"),
    allow(When::Cap("CAP_PERFMON"), "perf_event_open"),
    allow(When::Arch(&["riscv64"]), "riscv_flush_icache"),
];

/// The profile for a container with some capabilities.
pub(super) fn select(has: &dyn Fn(&str) -> bool) -> Selected {
    let common = [&FILES, &EVENTS, &PROCESSES, &MEMORY, &TIME, &COMMUNICATION, &TRACING];
    let special = MACHINE.iter().chain(&SOCKETS).chain(&PERSONALITIES).chain(&CLONES).chain(&BY_CAPABILITY);
    let rules = common
        .into_iter()
        .chain(special)
        .filter(|group| applies(group.when, has))
        .map(|group| Rule {
            names: group.names.split_ascii_whitespace().map(str::to_owned).collect(),
            action: group.action,
            args: group.arg.into_iter().collect(),
        })
        .collect();
    Selected { default: Action::Errno(EPERM), rules }
}

fn applies(when: When, has: &dyn Fn(&str) -> bool) -> bool {
    match when {
        When::Always => true,
        When::Cap(name) => has(name),
        When::NoCap(name) => !has(name),
        When::Arch(names) => names.iter().any(|name| ARCH_NAMES.contains(name)),
        When::Kernel(major, minor) => kernel_version() >= (major, minor),
    }
}
