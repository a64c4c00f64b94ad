//! What a crash left of networks: named, and with `repair` taken away.

use stead_sys::netlink::Netlink;

use crate::error::Result;
use crate::networks::{Alive, Networks, YOUNG_MS, here};
use crate::record::Network;
use crate::{firewall, names, sandbox, wire};

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub subject: String,
    /// What is wrong.
    pub problem: String,
}

impl Networks {
    /// Looks for places of containers that are no more, for interfaces and rules nobody needs, and for a name server nobody asks.
    /// With `repair` they go, and so do bridges without a container.
    ///
    /// # Errors
    /// The records or the host's interfaces cannot be read; with `repair`, something cannot be taken away.
    pub fn check(&self, repair: bool, alive: Alive<'_>) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for record in self.store.read(|tx| tx.list::<Network>())? {
            if let Err(bad) = record {
                findings.push(Finding { subject: bad.id.clone(), problem: bad.to_string() });
            }
        }
        let _lock = self.lock()?;
        for left in sandbox::all(&self.run_root).into_iter().filter(|s| self.is_left(&s.container, alive)) {
            let problem = "its container has ended without giving back its addresses, names and ports".to_owned();
            findings.push(Finding { subject: left.name.clone(), problem });
            if repair {
                sandbox::delete(&self.run_root, &left.container)?;
            }
        }
        self.check_interfaces(repair, alive, &mut findings)?;
        Ok(findings)
    }

    /// Whether nobody looks after a container that has a sandbox. A young one may be on its way.
    fn is_left(&self, container: &str, alive: Alive<'_>) -> bool {
        if alive(container) {
            return false;
        }
        while sandbox::age_ms(&self.run_root, container) < YOUNG_MS && sandbox::read(&self.run_root, container).is_some() {
            std::thread::sleep(std::time::Duration::from_millis(50));
            if alive(container) {
                return false;
            }
        }
        sandbox::read(&self.run_root, container).is_some() && !alive(container)
    }

    fn check_interfaces(&self, repair: bool, alive: Alive<'_>, findings: &mut Vec<Finding>) -> Result<()> {
        let Ok(mut host) = Netlink::open() else { return Ok(()) };
        let live = self.live(alive);
        let networks: Vec<Network> = self.store.read(|tx| tx.list::<Network>())?.into_iter().flatten().collect();
        let (prefix, note) = (self.prefix(), self.note());
        let needed = |name: &str| live.iter().flat_map(|s| &s.endpoints).any(|e| e.outside.as_deref() == Some(name));
        for link in host.links()? {
            if link.name.starts_with(&prefix) && link.kind == "veth" && !needed(&link.name) && stays(&mut host, &link.name) {
                findings
                    .push(Finding { subject: link.name.clone(), problem: "this interface leads to a container that has ended".to_owned() });
                if repair {
                    gone(host.delete(&link.name))?;
                }
            }
            let owner = networks.iter().find(|n| wire::is_ours(&link, n, &note));
            if owner.is_some() || wire::is_orphan(&link, &note) {
                if owner.is_none() {
                    let problem = format!("this {} belongs to no network", if link.kind == "bridge" { "bridge" } else { "interface" });
                    findings.push(Finding { subject: link.name.clone(), problem });
                }
                let used = owner.is_some_and(|n| live.iter().any(|s| s.endpoints.iter().any(|e| e.network == n.id)));
                // A bridge that waits for its next container is in order; a repair tidies it away all the same.
                if repair && !used {
                    gone(host.delete(&link.name))?;
                }
            }
        }
        let named = live.iter().any(|s| s.endpoints.iter().any(|e| !e.names.is_empty()));
        if !named && names::stays(&self.run_root) {
            findings.push(Finding { subject: "aardvark-dns".to_owned(), problem: "it runs although no container has a name".to_owned() });
        }
        if firewall::program().is_ok() && !firewall::is_applied(&self.applied(), &here(), &self.table()) {
            let problem = "its rules are not in the kernel: something else has flushed or changed them".to_owned();
            findings.push(Finding { subject: self.table(), problem });
        }
        if repair {
            self.settle(&mut host, &live, firewall::program().is_ok())?;
        }
        Ok(())
    }
}

/// How long the kernel may take to end the interfaces of a namespace that nobody is in any more: it does so in the background.
const ENDS: std::time::Duration = std::time::Duration::from_secs(2);

/// Whether an interface that should be ending does not.
fn stays(host: &mut Netlink, name: &str) -> bool {
    let until = std::time::Instant::now() + ENDS;
    while host.link(name).is_ok_and(|link| link.is_some()) {
        if std::time::Instant::now() > until {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    false
}

/// What has gone by itself meanwhile is gone.
fn gone(deleted: stead_sys::Result<()>) -> Result<()> {
    const ENODEV: i32 = 19;
    match deleted {
        Err(error) if error.errno() == Some(ENODEV) => Ok(()),
        done => Ok(done?),
    }
}
