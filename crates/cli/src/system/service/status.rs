//! `stead system service status`.

use super::install::read;
use super::unit::{MARK, all};
use super::{DIR, systemd};
use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::FORMAT_LIST;
use crate::output;

pub(super) static STATUS: Command = Command {
    name: "status",
    usage: "[OPTIONS]",
    about: "Show which units are installed, enabled and active",
    long: "Exit status 1 means that a unit is missing or is not the one that this stead would write.",
    flags: &[&[DIR, FORMAT_LIST]],
    arity: Arity::Exactly(0),
    examples: &[("After an update of stead", "stead system service status")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[("Unit", "UNIT"), ("File", "FILE"), ("Enabled", "ENABLED"), ("Active", "ACTIVE")],
    table: "{{.Unit}}\\t{{.File}}\\t{{.Enabled}}\\t{{.Active}}",
    raw: "unit: {{.Unit}}\\nfile: {{.File}}\\nenabled: {{.Enabled}}\\nactive: {{.Active}}\\n",
    quiet: "{{.Unit}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let place = systemd::place(matches)?;
    let mut is_whole = true;
    let mut lines = Vec::new();
    for unit in all(context)? {
        let file = match read(&place.dir.join(unit.name))? {
            None => "missing",
            Some(there) if there == unit.text => "installed",
            Some(there) if there.starts_with(MARK) => "other version",
            Some(_) => "foreign",
        };
        is_whole &= file == "installed";
        let ask = |question: &str| if place.is_live { systemd::ask(question, unit.name) } else { "-".to_owned() };
        let fields =
            vec![("Unit", unit.name.to_owned()), ("File", file.to_owned()), ("Enabled", ask("is-enabled")), ("Active", ask("is-active"))];
        lines.push(Row::new(fields, Default::default()));
    }
    output::text(&rows::render(&LAYOUT, Wish { format: matches.filled("format"), quiet: false }, &lines)?)?;
    Ok(u8::from(!is_whole))
}
