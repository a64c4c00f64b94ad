//! Other containers whose namespaces this one joins: found anew at each birth, because their processes change with each of theirs.

use stead_base::layout::RunRoot;
use stead_runtime::{LaunchError, LaunchErrorKind, Namespace, Plan};

use crate::state::{self, State, Status};

/// A process that was found, and when it began.
#[derive(Debug)]
pub(super) struct Donor {
    id: String,
    pid: u32,
    began: Option<u64>,
}

/// Puts the paths of living processes where the plan names containers.
///
/// # Errors
/// A container that does not run.
pub(super) fn find(plan: &mut Plan, run_root: &RunRoot) -> Result<Vec<Donor>, LaunchError> {
    let wanted = &mut plan.namespaces;
    let mut found = Vec::new();
    for (namespace, file) in [(&mut wanted.ipc, "ipc"), (&mut wanted.pid, "pid"), (&mut wanted.uts, "uts")] {
        if let Namespace::Container(id) = namespace {
            let donor = running(run_root, id)?;
            *namespace = Namespace::Path(format!("/proc/{}/ns/{file}", donor.pid).into());
            found.push(donor);
        }
    }
    Ok(found)
}

/// Whether they are still the processes they were: then every path led to them.
///
/// # Errors
/// One has ended meanwhile, and its number may be somebody else's.
pub(super) fn verify(donors: &[Donor]) -> Result<(), LaunchError> {
    match donors.iter().find(|donor| !donor.lives()) {
        Some(donor) => Err(not_running(&donor.id)),
        None => Ok(()),
    }
}

fn running(run_root: &RunRoot, id: &str) -> Result<Donor, LaunchError> {
    let state = State::read(run_root, id).filter(|state| matches!(state.status, Status::Running | Status::Paused));
    let donor = state.map(|state| Donor { id: id.to_owned(), pid: state.pid, began: state.pid_started });
    donor.filter(Donor::lives).ok_or_else(|| not_running(id))
}

impl Donor {
    fn lives(&self) -> bool {
        self.began.is_some() && i32::try_from(self.pid).is_ok_and(|pid| pid > 0 && state::started_ticks(pid) == self.began)
    }
}

fn not_running(id: &str) -> LaunchError {
    LaunchError { kind: LaunchErrorKind::Setup, message: format!("container {id} is not running") }
}
