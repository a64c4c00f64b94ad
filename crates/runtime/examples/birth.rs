//! Times births of `/bin/true`: `birth ROOT N [RUNTIME]`. For the table of benches and for looking at one birth with strace.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Instant;

use stead_mount::Mount;
use stead_runtime::{Plan, Process, Stdio, capability, cgroup, defaults, launch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let root = PathBuf::from(args.next().ok_or("ROOT")?);
    let count: u32 = args.next().ok_or("N")?.parse()?;
    let plan = Plan {
        id: format!("bench-{}", std::process::id()),
        hostname: "bench".into(),
        domainname: String::new(),
        rootfs: Mount::bind(root, "/"),
        readonly_rootfs: false,
        mounts: Vec::new(),
        engine_files: Vec::new(),
        process: Process {
            args: vec!["/bin/true".into()],
            env: vec![format!("PATH={}", defaults::PATH)],
            caps: capability::resolve(&[], &[], false)?,
            ..Process::default()
        },
        namespaces: stead_runtime::Namespaces::default(),
        cgroup: stead_runtime::CgroupLimits::default(),
        devices: Vec::new(),
        sysctls: BTreeMap::new(),
        shm_size: 0,
        no_ipc_files: false,
        masked_paths: defaults::masked_paths(),
        readonly_paths: defaults::readonly_paths(),
        privileged: false,
        init: false,
        runtime: args.next(),
        bundle: std::env::temp_dir().join(format!("bench-{}", std::process::id())),
    };
    let (mut born, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let begin = Instant::now();
        let child = launch::start(&plan, Stdio::Pipes { stdin: false })?;
        born.push(begin.elapsed());
        stead_sys::process::wait(child.pidfd.as_fd())?;
        cgroup::delete(&plan)?;
        whole.push(begin.elapsed());
    }
    born.sort();
    whole.sort();
    let middle = usize::try_from(count / 2)?;
    #[expect(clippy::print_stdout, reason = "the answer of a measuring program")]
    if let (Some(born), Some(whole)) = (born.get(middle), whole.get(middle)) {
        println!("born {born:?} whole {whole:?} (medians of {count})");
    }
    Ok(())
}
