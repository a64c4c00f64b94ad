//! What a process gives up before its program runs: user, groups, capabilities, limits, system calls. The same for first and later ones.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use stead_sys::credential::{self, Capabilities, FilterInstruction};
use stead_sys::{device, namespace, process, rlimit, signal};

use crate::launch::LaunchError;
use crate::report::Reporter;
use crate::spec::{Process, Rlimit};
use crate::user::Identity;
use crate::{capability, program};

/// Number of CAP_SYS_ADMIN, which installing a filter without no_new_privs needs.
const SYS_ADMIN: u64 = 1 << 21;
/// Docker's and POSIX's usual mask.
const UMASK: u32 = 0o022;

/// Everything decided before the child exists.
#[derive(Debug)]
pub(crate) struct Confinement {
    pub(crate) identity: Identity,
    /// Capabilities, a bit each.
    pub(crate) caps: u64,
    pub(crate) no_new_privileges: bool,
    pub(crate) filter: Option<Vec<FilterInstruction>>,
    pub(crate) rlimits: Vec<Rlimit>,
    pub(crate) umask: u32,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) cwd: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
}

/// A program found and ready.
pub(crate) struct Ready {
    program: CString,
    args: Vec<CString>,
    env: Vec<CString>,
}

impl Confinement {
    /// From a plan's process; `caps` and `filter` are passed because a privileged exec has others.
    pub(crate) fn new(process: &Process, identity: Identity, caps: &[String], filter: Option<Vec<FilterInstruction>>) -> Self {
        let mut env = process.env.clone();
        if program::variable(&env, "HOME").is_none_or(str::is_empty) {
            env.retain(|entry| !entry.starts_with("HOME="));
            env.push(format!("HOME={}", identity.home));
        }
        Self {
            caps: capability::mask(caps),
            no_new_privileges: process.no_new_privileges,
            filter,
            rlimits: process.rlimits.clone(),
            umask: process.umask.unwrap_or(UMASK),
            oom_score_adj: process.oom_score_adj,
            cwd: if process.cwd.is_empty() { "/".to_owned() } else { process.cwd.clone() },
            args: process.args.clone(),
            env,
            identity,
        }
    }

    /// What must be done while /proc is the host's: the score by which the kernel chooses whom to kill. Clamped to what may be set.
    pub(crate) fn set_oom_score(&self, reporter: &Reporter) {
        let Some(wanted) = self.oom_score_adj else { return };
        let path = std::path::Path::new("/proc/self/oom_score_adj");
        let write = |value: i32| write_existing(path, &value.to_string());
        if write(wanted).is_ok() {
            return;
        }
        // Below the present value only CAP_SYS_RESOURCE may go: keep what we have.
        let present = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<i32>().ok()).unwrap_or(0);
        reporter.warn(&format!("oom_score_adj {wanted} is not permitted, using {present}"));
    }

    /// Limits, user, groups, bounding set; then the working directory and the program, looked up with the rights it will have.
    pub(crate) fn drop_rights(&self, reporter: &Reporter) -> Result<Ready, LaunchError> {
        for limit in &self.rlimits {
            if let Some(now) = rlimit::set(&limit.name, limit.soft, limit.hard)? {
                let Rlimit { name, soft, hard } = limit;
                let shown = |value: u64| if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() };
                reporter.warn(&format!(
                    "ulimit {name}={}:{} is not permitted, using {}:{}",
                    shown(*soft),
                    shown(*hard),
                    shown(now.soft),
                    shown(now.hard)
                ));
            }
        }
        credential::set_umask(self.umask);
        let cwd = c_string(&self.cwd)?;
        let arrived = namespace::chdir(&cwd);
        let held = credential::capabilities()?.permitted;
        credential::limit_bounding(self.caps)?;
        credential::clear_ambient()?;
        credential::set_groups(&self.identity.groups)?;
        credential::set_gid(self.identity.gid)?;
        credential::keep_capabilities(true)?;
        credential::set_uid(self.identity.uid)?;
        let permitted = self.caps & held;
        let effective = self.effective(permitted);
        credential::set_capabilities(Capabilities { effective, permitted: (permitted | SYS_ADMIN) & held, inheritable: 0 })?;
        if arrived.is_err() {
            // A directory only the user may enter, e.g. on NFS.
            namespace::chdir(&cwd).map_err(|error| {
                LaunchError::setup(format!("chdir to cwd ({:?}) set in config.json failed: {}", self.cwd, words(&error)))
            })?;
        }
        if !namespace::cwd_is_inside_root() {
            return Err(LaunchError::setup(
                "current working directory is outside of container mount namespace root -- possible container breakout detected",
            ));
        }
        let name = self.args.first().map(String::as_str).unwrap_or_default();
        let path = program::variable(&self.env, "PATH").unwrap_or(crate::defaults::PATH);
        Ok(Ready { program: program::find(name, path)?, args: c_strings(&self.args)?, env: c_strings(&self.env)? })
    }

    /// The last door: system calls and the last capability. After this only the program is executed.
    pub(crate) fn seal(&self) -> Result<(), LaunchError> {
        let held = credential::capabilities()?.permitted;
        let permitted = self.caps & held;
        let last = Capabilities { effective: self.effective(permitted), permitted, inheritable: 0 };
        if self.no_new_privileges {
            credential::set_no_new_privileges()?;
            credential::set_capabilities(last)?;
        }
        if let Some(filter) = &self.filter {
            if !self.no_new_privileges {
                let raised = (self.effective(permitted) | SYS_ADMIN) & held;
                credential::set_capabilities(Capabilities { effective: raised, permitted: held, inheritable: 0 })?;
            }
            credential::install_filter(filter, 0)?;
        }
        if !self.no_new_privileges {
            credential::set_capabilities(last)?;
        }
        Ok(())
    }

    /// Capabilities work at once for root only; any other user's program gets none, as execve would have it.
    fn effective(&self, permitted: u64) -> u64 {
        if self.identity.uid == 0 { permitted } else { 0 }
    }
}

impl Ready {
    /// Executes the program with everything else closed; returns only why it did not work.
    pub(crate) fn execute(&self) -> LaunchError {
        signal::reset_for_exec();
        if let Err(error) = process::close_on_exec_from(3) {
            return error.into();
        }
        program::execute(&self.program, &self.args, &self.env)
    }
}

/// Puts the three streams in place and gives them to the user, so that the program can open `/dev/stdout` again.
pub(crate) fn place_streams(streams: [BorrowedFd<'_>; 3], uid: u32) -> Result<(), LaunchError> {
    for (fd, number) in streams.into_iter().zip(0..) {
        let is_null = device::identify(fd)?.is_some_and(|file| file.id == crate::device::NULL);
        if uid != 0 && !is_null {
            // Streams somebody gave us may not be ours to give away; the program then has what it can use.
            drop(device::chown(fd, uid, None));
        }
        process::dup_onto(fd, number).map_err(|error| LaunchError::setup(format!("dup2: {error}")))?;
    }
    Ok(())
}

/// Makes the terminal on the standard input the controlling one of this session.
pub(crate) fn take_terminal(peer: BorrowedFd<'_>) -> Result<(), LaunchError> {
    stead_sys::tty::set_controlling(peer.as_fd())?;
    Ok(())
}

/// The kernel's words without the step and the number.
pub(crate) fn words(error: &stead_sys::Error) -> String {
    let text = error.source.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn write_existing(path: &std::path::Path, value: &str) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

fn c_string(text: &str) -> Result<CString, LaunchError> {
    CString::new(text).map_err(|_nul| LaunchError::setup(format!("{text:?} contains a NUL byte")))
}

fn c_strings(texts: &[String]) -> Result<Vec<CString>, LaunchError> {
    texts.iter().map(|text| c_string(text)).collect()
}
