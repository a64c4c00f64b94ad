//! `stead system df`.

use std::collections::BTreeMap;

use serde_json::Value;
use stead_base::{ids, size};
use stead_engine::system::df::DiskUsage;

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::format::table;
use crate::listing::FORMAT_LIST;
use crate::output;

pub(super) static DF: Command = Command {
    name: "df",
    usage: "[OPTIONS]",
    about: "Show disk usage",
    long: "Reclaimable is what images, containers and volumes hold that nothing uses. Removed volumes that can still be had back have a line of\n\
           their own; 'stead volume trash empty' frees what they hold. So has the pool, where there is one: what\n\
           its file takes of the host's disk.",
    flags: &[&[FORMAT_LIST, switch("verbose", Some('v'), "Show detailed information on space usage")]],
    arity: Arity::Exactly(0),
    examples: &[("Every image, container and volume with its size", "stead system df -v")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[("Type", "TYPE"), ("TotalCount", "TOTAL"), ("Active", "ACTIVE"), ("Size", "SIZE"), ("Reclaimable", "RECLAIMABLE")],
    table: "{{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}",
    raw: "type: {{.Type}}\\ntotal: {{.TotalCount}}\\nactive: {{.Active}}\\nsize: {{.Size}}\\nreclaimable: {{.Reclaimable}}\\n",
    quiet: "{{.Type}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let usage = context.engine()?.system_df()?;
    let wish = Wish { format: matches.filled("format"), quiet: false };
    match (matches.on("verbose"), wish.format) {
        (true, Some("json")) => output::line(&serde_json::to_value(&usage).map_err(Failure::error)?.to_string())?,
        (true, Some(_)) => return Err(Failure::plain(1, "the verbose and the format options conflict")),
        (true, None) => output::text(&verbose(&usage))?,
        (false, _) => output::text(&rows::render(&LAYOUT, wish, &summary(&usage))?)?,
    }
    Ok(0)
}

/// One kind of thing, added up.
struct Sum {
    kind: &'static str,
    count: usize,
    active: usize,
    size: u64,
    reclaimable: u64,
}

fn summary(usage: &DiskUsage) -> Vec<Row> {
    let number = |v: &Value, key: &str| v.get(key).and_then(Value::as_i64).unwrap_or(0);
    let bytes = |v: &Value, key: &str| u64::try_from(number(v, key)).unwrap_or(0);
    let unused_images = usage.images.iter().filter(|i| number(i, "Containers") <= 0);
    // What images share is counted once; what an unused image shares with a used one cannot be had back.
    let own = |i: &Value| bytes(i, "Size").saturating_sub(bytes(i, "SharedSize"));
    let running = |state: &str| matches!(state, "running" | "paused" | "restarting");
    let idle = usage.containers.iter().filter(|c| !running(&c.state));
    let volume_size = |v: &stead_engine::volume::VolumeView| v.usage_data.and_then(|u| u64::try_from(u.size).ok()).unwrap_or(0);
    let used = |v: &stead_engine::volume::VolumeView| v.usage_data.is_some_and(|u| u.ref_count > 0);
    let sums = [
        Sum {
            kind: "Images",
            count: usage.images.len(),
            active: usage.images.len() - unused_images.clone().count(),
            size: usage.layers_size,
            reclaimable: unused_images.map(own).sum::<u64>().min(usage.layers_size),
        },
        Sum {
            kind: "Containers",
            count: usage.containers.len(),
            active: usage.containers.len() - idle.clone().count(),
            size: usage.containers.iter().filter_map(|c| c.size_rw).sum(),
            reclaimable: idle.filter_map(|c| c.size_rw).sum(),
        },
        Sum {
            kind: "Local Volumes",
            count: usage.volumes.len(),
            active: usage.volumes.iter().filter(|v| used(v)).count(),
            size: usage.volumes.iter().map(volume_size).sum(),
            reclaimable: usage.volumes.iter().filter(|v| !used(v)).map(volume_size).sum(),
        },
    ];
    let removed = &usage.removed_volumes;
    let in_trash: u64 = removed.iter().filter_map(|one| u64::try_from(one.size).ok()).sum();
    // Docker has no such line, so it is only there where there is something to say.
    let trash = (!removed.is_empty()).then_some(Sum {
        kind: "Removed Volumes",
        count: removed.len(),
        active: 0,
        size: in_trash,
        reclaimable: in_trash,
    });
    let pool = usage.pool.as_ref().map(|pool| {
        let holding = usage.volumes.iter().filter(|v| used(v) && pool.volumes.contains(&v.name)).count();
        // What its volumes hold is in the lines above; this is what they all take of the host.
        let size = pool.allocated.unwrap_or(pool.used);
        Sum { kind: "Pool", count: pool.volumes.len(), active: holding, size, reclaimable: size.saturating_sub(pool.used) }
    });
    sums.iter().chain(&trash).chain(&pool).map(Sum::row).collect()
}

impl Sum {
    fn row(&self) -> Row {
        // Docker prints the share only where there is something to take a share of.
        let percent = self.reclaimable.saturating_mul(100).checked_div(self.size);
        let share = percent.map_or_else(String::new, |p| format!(" ({p}%)"));
        let fields = vec![
            ("Type", self.kind.to_owned()),
            ("TotalCount", self.count.to_string()),
            ("Active", self.active.to_string()),
            ("Size", size::human(self.size)),
            ("Reclaimable", format!("{}{share}", size::human(self.reclaimable))),
        ];
        Row::new(fields, BTreeMap::new())
    }
}

fn verbose(usage: &DiskUsage) -> String {
    let text = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let bytes = |v: &Value, key: &str| size::human(v.get(key).and_then(Value::as_u64).unwrap_or(0));
    let mut images = String::from("IMAGE\tIMAGE ID\tSIZE\tCONTAINERS\n");
    for image in &usage.images {
        let tag = image.get("RepoTags").and_then(|t| t.get(0)).and_then(Value::as_str).unwrap_or("<none>");
        let users = image.get("Containers").and_then(Value::as_i64).unwrap_or(0).max(0);
        images.push_str(&format!("{tag}\t{}\t{}\t{users}\n", ids::short(&text(image, "Id")), bytes(image, "Size")));
    }
    let mut containers = String::from("CONTAINER ID\tIMAGE\tLOCAL VOLUMES\tSIZE\tSTATUS\tNAMES\n");
    for one in &usage.containers {
        let volumes = one.mounts.iter().filter(|m| text(m, "Driver") == "local").count();
        let names: Vec<&str> = one.names.iter().map(|n| n.trim_start_matches('/')).collect();
        let own = size::human(one.size_rw.unwrap_or(0));
        containers.push_str(&format!("{}\t{}\t{volumes}\t{own}\t{}\t{}\n", ids::short(&one.id), one.image, one.status, names.join(",")));
    }
    let mut volumes = String::from("VOLUME NAME\tLINKS\tSIZE\n");
    for volume in &usage.volumes {
        let (links, held) = volume.usage_data.map_or((0, -1), |u| (u.ref_count, u.size));
        let held = u64::try_from(held).map_or_else(|_unknown| "N/A".to_owned(), size::human);
        volumes.push_str(&format!("{}\t{links}\t{held}\n", volume.name));
    }
    let mut trash = String::new();
    if !usage.removed_volumes.is_empty() {
        let mut lines = String::from("ID\tVOLUME NAME\tSIZE\tKEPT UNTIL\n");
        for one in &usage.removed_volumes {
            let held = u64::try_from(one.size).map_or_else(|_unknown| "N/A".to_owned(), size::human);
            lines.push_str(&format!("{}\t{}\t{held}\t{}\n", ids::short(&one.id), one.name, one.keep_until));
        }
        trash = format!("\nRemoved Volumes space usage:\n\n{}", table::align(&lines));
    }
    if let Some(pool) = &usage.pool {
        let host = |bytes: Option<u64>| bytes.map_or_else(|| "N/A".to_owned(), size::human);
        let (allocated, host_free) = (host(pool.allocated), host(pool.host_free));
        let numbers =
            format!("{}\t{}\t{}\t{allocated}\t{host_free}", size::human(pool.size), size::human(pool.used), size::human(pool.free));
        let lines =
            format!("SOURCE\tVOLUMES\tSIZE\tUSED\tFREE\tALLOCATED\tHOST FREE\n{}\t{}\t{numbers}\n", pool.source, pool.volumes.len());
        trash.push_str(&format!("\nPool space usage:\n\n{}", table::align(&lines)));
    }
    format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}{trash}",
        table::align(&images),
        table::align(&containers),
        table::align(&volumes)
    )
}
