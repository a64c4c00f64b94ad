//! `system check --repair`: also when the records themselves cannot be read.

use stead_base::layout::Root;
use stead_store::Store;

use super::check::Report;
use crate::container::record::Container;
use crate::{Engine, Options, Result};

impl Engine {
    /// Checks and repairs. Damaged records are put aside, never deleted; what can be believed of them comes back, and volumes come back from
    /// their own directories.
    ///
    /// # Errors
    /// As [`Engine::open`] and [`Engine::system_check`], except for damaged records.
    pub fn system_repair(options: Options) -> Result<Report> {
        if !options.root.exists() {
            return Self::open(options)?.system_check(true);
        }
        let root = Root::new(&options.root);
        stead_store::finish_rebuild(&root)?;
        let verdict = Store::open(&root).and_then(|store| store.verify());
        match verdict {
            Ok(()) => Self::open(options)?.system_check(true),
            Err(stead_store::Error::Damaged { reason, .. }) => Self::rebuild(options, &root, &reason),
            Err(other) => Err(other.into()),
        }
    }

    fn rebuild(options: Options, root: &Root, reason: &str) -> Result<Report> {
        let rebuilt = stead_store::rebuild(root, |tx| {
            tx.reindex::<Container>()?;
            stead_image::reindex(tx)
        })?;
        let engine = Self::open(options)?;
        let mut report = Report::default();
        if let Some(rebuilt) = rebuilt {
            let saved = rebuilt.salvaged.records;
            let problem =
                format!("the records were damaged ({reason}); the file is kept under this name, {saved} records were saved from it");
            report.add("store", rebuilt.aside.display().to_string(), problem, true);
        }
        let volumes = engine.volumes.rebuild_index()?;
        report.add("store", "volumes", format!("{volumes} were found in their own directories"), true);
        report.findings.extend(engine.system_check(true)?.findings);
        Ok(report)
    }
}
